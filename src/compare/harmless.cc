#include "src/compare/harmless.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

#include <nlohmann/json.hpp>

namespace fletbridge::compare {
namespace {

// What deletes, buys, sends, orders, logs out or ends. Beginnings of words; with '$' whole words.
constexpr std::string_view kStems[] = {
    // English
    "delet", "remov", "eras", "wipe", "purge", "trash", "discard", "clear", "reset", "drop$", "buy",
    "purchas", "order", "checkout", "check out", "pay$", "pay ", "payment", "subscrib", "donat",
    "send", "submit", "post$", "post ", "publish", "share$", "share ", "tweet", "upload",
    "transfer", "withdraw", "book now", "reserv", "sign out", "sign off", "log out", "logout",
    "log off", "exit", "quit", "shut down", "shutdown", "restart", "reboot", "uninstall",
    "deactivat", "terminat", "kill", "revoke", "ban$", "block$", "factory", "format$", "empty ",
    // German
    "lösch", "entfern", "leeren", "verwerf", "zurücksetz", "kauf", "bestell", "bezahl",
    "zahlungspflichtig", "buchen", "spenden", "überweis", "abonnier", "absend", "abschick",
    "versend", "verschick", "senden", "einreich", "veröffentlich", "teilen$", "hochlad", "abmeld",
    "auslogg", "beend", "kündig", "herunterfahr", "neu starten", "deinstall",
    // French
    "supprim", "effac", "retir", "vider", "réinitialis", "achet", "command", "payer", "envoy",
    "publier", "partag", "réserv", "déconn", "deconn", "quitter",
    // Spanish, Portuguese, Italian
    "elimin", "borr", "quitar", "vaciar", "compr", "pedir", "pedid", "pagar", "envi", "publicar",
    "suscrib", "cerrar sesi", "salir", "exclu", "apag", "encomend", "sair", "terminar sess",
    "cancell", "rimuov", "svuota", "acquist", "ordina", "paga$", "invi", "pubblic", "disconn",
    "esci$",
    // Dutch, Swedish, Danish, Norwegian
    "verwijder", "wissen", "koop", "kopen", "bestel", "betal", "betaal", "verzend", "verstuur",
    "uitlog", "afmeld", "ta bort", "rader", "slet", "köp", "køb", "kjøp", "skicka", "logga ut",
    "log ud", "logg ut",
    // Polish, Czech, Turkish
    "usuń", "usun", "skasuj", "kup$", "zamów", "zapłać", "wyślij", "wyloguj", "smaza", "odstran",
    "koupi", "objedn", "zaplat", "odesl", "odhl", "sil$", "kaldır", "satın", "sipariş", "öde$",
    "gönder", "çıkış",
    // Russian, Ukrainian
    "удал", "стер", "очист", "сброс", "куп", "заказ", "оплат", "отправ", "опублик", "подпис",
    "выйти", "выход", "видал", "замов", "сплат", "надісл", "опублік", "вийти", "вихід",
    // Greek, Indonesian, Vietnamese
    "διαγραφ", "αγορ", "παραγγ", "πληρω", "αποστολ", "αποσύνδ", "hapus", "beli", "pesan", "bayar",
    "kirim", "keluar", "xóa", "xoá", "mua$", "đặt hàng", "thanh toán", "gửi", "đăng xuất"};

// Where words are not parted, or have beginnings of their own: anywhere in the text.
constexpr std::string_view kParts[] = {
    "删除",  "刪除",   "移除", "清空", "购买",       "購買",   "下单",  "下單", "订购",
    "訂購",  "支付",   "付款", "结账", "結帳",       "发送",   "發送",  "提交", "发布",
    "發佈",  "退出",   "登出", "注销", "削除",       "消去",   "購入",  "注文", "支払",
    "送信",  "投稿",   "退会", "終了", "ログアウト", "삭제",   "제거",  "구매", "주문",
    "결제",  "보내기", "전송", "제출", "로그아웃",   "حذف",    "إزالة", "شراء", "اطلب",
    "دفع",   "إرسال",  "خروج", "خرید", "ارسال",      "پرداخت", "מחק",   "קנה",  "שלח",
    "התנתק", "हटाएं",   "खरीदें", "भेजें",   "ลบ",         "ซื้อ",     "ส่ง"};

// Of icons' names; REMOVE and CLEAR are a minus and a cross.
constexpr std::string_view kIcons[] = {
    "DELETE",  "SEND",   "SHOP",      "PAY",   "LOGOUT", "LOG_OUT",     "EXIT",    "POWER", "SHARE",
    "PUBLISH", "UPLOAD", "CLEAR_ALL", "TRASH", "CART",   "CREDIT_CARD", "RESTART", "BLOCK"};

// The character at `at`, and its length in bytes; invalid UTF-8 counts as one byte.
char32_t Decoded(std::string_view text, std::size_t at, std::size_t& size) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  size = 1;
  const unsigned char first = byte(0);
  const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  if (more == 0 || at + more >= text.size()) return first;
  char32_t code = first & (0x3Fu >> more);
  for (std::size_t i = 1; i <= more; ++i) code = code << 6 | (byte(i) & 0x3Fu);
  size = more + 1;
  return code;
}

char32_t LowerOf(char32_t c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7)) return c + 32;
  if (c == 0x130) return 'i';  // of Turkish
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c % 2 == 1 ? c + 1 : c;
  if (c >= 0x100 && c <= 0x177) return c % 2 == 0 ? c + 1 : c;
  if (c >= 0x391 && c <= 0x3A9) return c + 32;
  if (c >= 0x410 && c <= 0x42F) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c;
}

void Append(std::string& to, char32_t c) {
  if (c < 0x80) {
    to += static_cast<char>(c);
  } else {
    to += static_cast<char>(0xC0 | c >> 6);
    to += static_cast<char>(0x80 | (c & 0x3F));
  }
}

bool IsLetter(char32_t c) { return (c >= 'a' && c <= 'z') || c >= 0xC0; }

bool BeginsAWord(const std::string& lower, std::string_view stem) {
  const bool whole = stem.ends_with('$');
  if (whole) stem.remove_suffix(1);
  bool inside = false;
  for (std::size_t at = 0, size = 0; at < lower.size(); at += size) {
    const char32_t c = Decoded(lower, at, size);
    if (!inside && lower.compare(at, stem.size(), stem) == 0) {
      std::size_t ignored = 0;
      const std::size_t end = at + stem.size();
      if (!whole || end == lower.size() || !IsLetter(Decoded(lower, end, ignored))) return true;
    }
    inside = IsLetter(c);
  }
  return false;
}

bool SaysHarm(const std::string& text) {
  const std::string lower = Lower(text) + " ";
  return std::any_of(std::begin(kStems), std::end(kStems),
                     [&](std::string_view stem) { return BeginsAWord(lower, stem); }) ||
         std::any_of(std::begin(kParts), std::end(kParts),
                     [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

}  // namespace

std::string Lower(const std::string& text) {
  std::string lower;
  for (std::size_t at = 0, size = 0; at < text.size(); at += size) {
    const char32_t c = Decoded(text, at, size);
    if (size > 2 || (size == 1 && c >= 0x80)) {
      lower += text.substr(at, size);
    } else {
      Append(lower, LowerOf(c));
    }
  }
  return lower;
}

Icons::Icons(const std::string& flet_package) {
  for (const char* file :
       {"/controls/material/icons.json", "/controls/cupertino/cupertino_icons.json"}) {
    std::ifstream in(flet_package + file);
    const nlohmann::json json = nlohmann::json::parse(in, nullptr, false);
    if (!json.is_object()) continue;
    for (const auto& [name, code] : json.items()) {
      if (code.is_number_integer()) Add(code.get<std::int64_t>(), name);
    }
  }
}

std::vector<std::string> Icons::Names(std::int64_t code) const {
  std::vector<std::string> names;
  const auto [first, last] = names_.equal_range(code);
  for (auto it = first; it != last; ++it) names.push_back(it->second);
  std::sort(names.begin(), names.end());
  return names;
}

std::string WhyNotClicked(const Clickable& control, const Icons& icons) {
  for (const std::string& text : control.words) {
    if (SaysHarm(text)) return "it says \"" + text + "\"";
  }
  std::string key = control.key;
  std::replace_if(
      key.begin(), key.end(), [](char c) { return c == '_' || c == '-' || c == '.'; }, ' ');
  if (SaysHarm(key)) return "its key is " + control.key;
  bool known = !control.words.empty() || !control.key.empty();
  for (const std::int64_t code : control.icons) {
    for (const std::string& name : icons.Names(code)) {
      known = true;
      for (const std::string_view part : kIcons) {
        if (name.find(part) != std::string::npos) return "its icon is " + name;
      }
    }
  }
  return known ? "" : "nothing on it says what it does";
}

std::string Named(const Clickable& control, const Icons& icons) {
  std::string shown = control.type;
  if (!control.words.empty()) {
    shown += " \"" + control.words[0] + "\"";
  } else if (!control.key.empty()) {
    shown += " key=" + control.key;
  } else if (!control.icons.empty() && !icons.Names(control.icons[0]).empty()) {
    shown += " " + icons.Names(control.icons[0])[0];
  }
  return shown + " (" + control.finder + ")";
}

std::string KindOf(const Clickable& control) {
  std::string kind = control.type;
  for (const std::string& text : control.words) {
    kind += '\n';
    std::remove_copy_if(text.begin(), text.end(), std::back_inserter(kind),
                        [](char c) { return c >= '0' && c <= '9'; });
  }
  for (const std::int64_t icon : control.icons) kind += '\n' + std::to_string(icon);
  return kind;
}

}  // namespace fletbridge::compare
