#include "src/compare/harmless.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fletbridge::compare {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string Why(const std::string& text) { return WhyNotClicked({"", "Button", "", {text}}, {}); }

TEST(Harmless, IsNotWhatDeletesBuysSendsOrdersOrLogsOut) {
  for (const char* text : {"Delete all",
                           "Buy now",
                           "Order for 100 EUR",
                           "SEND",
                           "Log out",
                           "Sign out",
                           "Place order",
                           "Pay",
                           "Checkout",
                           "Remove account",
                           "Löschen",
                           "KONTO LÖSCHEN",
                           "Jetzt kaufen",
                           "Zahlungspflichtig bestellen",
                           "Absenden",
                           "Abmelden",
                           "Supprimer",
                           "Acheter",
                           "Envoyer",
                           "Se déconnecter",
                           "Eliminar",
                           "Comprar",
                           "Enviar",
                           "Cerrar sesión",
                           "Excluir",
                           "Sair",
                           "Elimina",
                           "Acquista",
                           "Verwijderen",
                           "Usuń",
                           "Kup",
                           "WYŚLIJ",
                           "Sil",
                           "Gönder",
                           "Satın al",
                           "Удалить",
                           "КУПИТЬ",
                           "Отправить",
                           "Выйти",
                           "Видалити",
                           "删除",
                           "购买",
                           "提交订单",
                           "送信",
                           "ログアウト",
                           "삭제",
                           "로그아웃",
                           "Hapus",
                           "Kirim",
                           "Xóa",
                           "حذف",
                           "שלח"}) {
    EXPECT_THAT(Why(text), HasSubstr(text));
  }
}

TEST(Harmless, IsWhatSaysNothingOfTheSort) {
  for (const char* text :
       {"+", "Next", "Weiter", "Add", "Sort by name", "Postbox", "Show details",
        "Paying attention? No", "Rebuy", "Undelete", "Silent", "Дальше", "下一步"}) {
    EXPECT_THAT(Why(text), IsEmpty()) << text;
  }
}

TEST(Harmless, IsNotWhoseIconOrKeySaysSo) {
  Icons icons;
  icons.Add(1, "DELETE_OUTLINE");
  icons.Add(2, "REMOVE");
  EXPECT_THAT(WhyNotClicked({"", "IconButton", "", {}, {1}}, icons), HasSubstr("DELETE_OUTLINE"));
  EXPECT_THAT(WhyNotClicked({"", "IconButton", "", {}, {2}}, icons), IsEmpty());  // a minus
  EXPECT_THAT(WhyNotClicked({"", "Container", "log_out", {}}, icons), HasSubstr("log_out"));
  // What nobody can read may be anything.
  EXPECT_THAT(WhyNotClicked({"", "Container", "", {}}, icons), HasSubstr("says what it does"));
  EXPECT_THAT(WhyNotClicked({"", "IconButton", "", {}, {3}}, icons),
              HasSubstr("says what it does"));
}

TEST(Harmless, KindsAreAlikeButForTheirNumbers) {
  EXPECT_EQ(KindOf({"", "Button", "", {"Look 1"}}), KindOf({"", "Button", "", {"Look 23"}}));
  EXPECT_NE(KindOf({"", "Button", "", {"Look 1"}}), KindOf({"", "Button", "", {"Show 1"}}));
  EXPECT_NE(KindOf({"", "IconButton", "", {}, {1}}), KindOf({"", "IconButton", "", {}, {2}}));
}

TEST(Harmless, ReadsTextThatIsNoUtf8) { EXPECT_THAT(Why("\xff\xc3 ok \xe4\xb8"), IsEmpty()); }

}  // namespace
}  // namespace fletbridge::compare
