#include "src/compare/display.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xcb/damage.h>
#include <xcb/xcb.h>
#include <xcb/xtest.h>

#include "common/platform/unique_fd.h"
#include "common/process/child.h"

namespace fletbridge::compare {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartTime = 30s;
constexpr auto kEndTime = 5s;

std::string FindServer() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (true) {
    const std::size_t colon = rest.find(':');
    std::string file = std::string(rest.substr(0, colon)) + "/Xvfb";
    if (::access(file.c_str(), X_OK) == 0) return file;
    if (colon == std::string_view::npos) return {};
    rest.remove_prefix(colon + 1);
  }
}

Error NoDisplay(const std::string& why) {
  return MakeError(Errc::kSetup, "no display to measure at: " + why);
}

template <class T>
struct Free {
  void operator()(T* reply) const { std::free(reply); }
};
template <class T>
using Reply = std::unique_ptr<T, Free<T>>;

bool Overlap(const Box& a, const Box& b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

}  // namespace

struct Display::Impl {
  Impl(EventLoop& event_loop, const std::string& own_folder)
      : loop(event_loop), folder(own_folder) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ~Impl() {
    if (connection != nullptr) xcb_disconnect(connection);
    if (memory != nullptr) ::munmap(memory, size);
    End();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  void End() {
    if (server == nullptr) return;
    // Asked to end, it takes its socket with it.
    loop.Post([this] { server->Signal(SIGTERM); });
    static_cast<void>(over.get_future().wait_for(kEndTime));
    std::promise<void> gone;
    loop.Post([&] {
      server.reset();
      gone.set_value();
    });
    gone.get_future().wait();
  }

  Result<> StartServer() {
    const std::string program = FindServer();
    if (program.empty()) {
      return NoDisplay(
          "there is no Xvfb; install it (Debian: apt install xvfb), or use --ui "
          "headless");
    }
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return NoDisplay("cannot make " + folder + ": " + error.message());
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return NoDisplay(std::strerror(errno));
    const UniqueFd number(ends[0]);
    UniqueFd told(ends[1]);
    ::fcntl(number.get(), F_SETFD, FD_CLOEXEC);
    const UniqueFd output(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    ChildOptions options;
    options.executable = program;
    options.arguments = {
        "-displayfd",
        std::to_string(told.get()),
        "-fbdir",
        folder,
        "-screen",
        "0",
        std::to_string(kScreen.width) + "x" + std::to_string(kScreen.height) + "x24",
        "-nolisten",
        "tcp",
        "-nocursor",
        "-noreset"};
    options.output = output.get();
    options.own_session = true;
    options.death_signal = SIGTERM;  // it takes its socket with it
    Result<std::unique_ptr<Child>> child =
        Child::Start(loop, options, [this](int) { over.set_value(); });
    if (!child) return child.error();
    server = std::move(*child);
    told.reset();
    // To the end of the line: it would not survive our leaving before.
    std::string text;
    const auto deadline = std::chrono::steady_clock::now() + kStartTime;
    while (!text.ends_with('\n')) {
      pollfd fd{number.get(), POLLIN, 0};
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      char digit = 0;
      if (::poll(&fd, 1, static_cast<int>(std::max<std::int64_t>(0, left.count()))) <= 0 ||
          ::read(number.get(), &digit, 1) != 1)
        return NoDisplay(program + " opened none; try it by hand");
      text += digit;
    }
    name = ":" + std::to_string(std::atoi(text.c_str()));
    return {};
  }

  Result<> Connect() {
    connection = xcb_connect(name.c_str(), nullptr);
    if (xcb_connection_has_error(connection) != 0) return NoDisplay("cannot connect to " + name);
    const xcb_query_extension_reply_t* damage = xcb_get_extension_data(connection, &xcb_damage_id);
    const xcb_query_extension_reply_t* test = xcb_get_extension_data(connection, &xcb_test_id);
    if (damage == nullptr || !damage->present || test == nullptr || !test->present)
      return NoDisplay("this Xvfb lacks DAMAGE or XTEST; install another one");
    drawn_event = static_cast<std::uint8_t>(damage->first_event + XCB_DAMAGE_NOTIFY);
    const Reply<xcb_damage_query_version_reply_t> version(xcb_damage_query_version_reply(
        connection, xcb_damage_query_version(connection, 1, 1), nullptr));
    root = xcb_setup_roots_iterator(xcb_get_setup(connection)).data->root;
    // Every drawing causes an event, so none is missed between two reads.
    xcb_damage_create(connection, xcb_generate_id(connection), root,
                      XCB_DAMAGE_REPORT_LEVEL_RAW_RECTANGLES);
    return {};
  }

  // An XWD file: numbers of four bytes, the most significant first; colours of twelve; the rows.
  Result<> MapScreen(const std::string& file) {
    const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) return NoDisplay("Xvfb made no " + file);
    size = static_cast<std::size_t>(info.st_size);
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (mapped == MAP_FAILED) return NoDisplay("cannot read " + file);
    memory = mapped;
    const auto* bytes = static_cast<const unsigned char*>(memory);
    const auto number = [&](std::size_t i) {
      const unsigned char* at = bytes + 4 * i;
      return std::size_t{at[0]} << 24 | std::size_t{at[1]} << 16 | std::size_t{at[2]} << 8 | at[3];
    };
    stride = number(12);
    const std::size_t begin = number(0) + number(19) * 12;
    if (number(11) != 32 || begin + stride * static_cast<std::size_t>(kScreen.height) > size)
      return NoDisplay("Xvfb keeps its screen in another way than known; install another one");
    pixels = bytes + begin;
    return {};
  }

  const unsigned char* At(int x, int y) const {
    return pixels + static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x) * 4;
  }

  void Button(std::uint8_t number) const {
    for (const std::uint8_t what :
         {std::uint8_t{XCB_BUTTON_PRESS}, std::uint8_t{XCB_BUTTON_RELEASE}})
      xcb_test_fake_input(connection, what, number, XCB_CURRENT_TIME, XCB_NONE, 0, 0, 0);
    xcb_flush(connection);
  }

  EventLoop& loop;
  const std::string folder;
  std::promise<void> over;
  std::unique_ptr<Child> server;
  std::string name;
  xcb_connection_t* connection = nullptr;
  xcb_window_t root = 0;
  std::uint8_t drawn_event = 0;
  void* memory = nullptr;
  std::size_t size = 0, stride = 0;
  const unsigned char* pixels = nullptr;
};

Display::Display(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Display::~Display() = default;

Result<std::unique_ptr<Display>> Display::Start(EventLoop& loop, const std::string& folder) {
  auto impl = std::make_unique<Impl>(loop, folder);
  if (Result<> ok = impl->StartServer(); !ok) return ok.error();
  if (Result<> ok = impl->Connect(); !ok) return ok.error();
  if (Result<> ok = impl->MapScreen(folder + "/Xvfb_screen0"); !ok) return ok.error();
  std::unique_ptr<Display> display(new Display(std::move(impl)));
  // At first it is in the middle, where it would be over something.
  display->Move(kScreen.width - 1, kScreen.height - 1);
  return display;
}

const std::string& Display::name() const { return impl_->name; }
int Display::fd() const { return xcb_get_file_descriptor(impl_->connection); }

Result<bool> Display::Drawn(const Box& box) {
  bool drawn = false;
  while (const Reply<xcb_generic_event_t> event{xcb_poll_for_event(impl_->connection)}) {
    if ((event->response_type & 0x7f) != impl_->drawn_event) continue;
    const auto& area = reinterpret_cast<const xcb_damage_notify_event_t*>(event.get())->area;
    drawn = drawn || Overlap(box, {area.x, area.y, area.width, area.height});
  }
  if (xcb_connection_has_error(impl_->connection) != 0)
    return MakeError(Errc::kSetup, "the display has gone: Xvfb ended; measure again");
  return drawn;
}

Picture Display::Look(const Box& box) const {
  const auto width = static_cast<std::size_t>(box.width);
  Picture picture(width * static_cast<std::size_t>(box.height));
  for (int y = 0; y < box.height; ++y)
    std::memcpy(&picture[static_cast<std::size_t>(y) * width], impl_->At(box.x, box.y + y),
                width * 4);
  return picture;
}

bool Display::Looks(const Box& box, const Picture& picture) const {
  const auto width = static_cast<std::size_t>(box.width);
  for (int y = 0; y < box.height; ++y) {
    const std::uint32_t* row = &picture[static_cast<std::size_t>(y) * width];
    if (std::memcmp(row, impl_->At(box.x, box.y + y), width * 4) != 0) return false;
  }
  return true;
}

void Display::Move(int x, int y) {
  xcb_test_fake_input(impl_->connection, XCB_MOTION_NOTIFY, 0, XCB_CURRENT_TIME, impl_->root,
                      static_cast<std::int16_t>(x), static_cast<std::int16_t>(y), 0);
  xcb_flush(impl_->connection);
}

void Display::Press() { impl_->Button(1); }
void Display::Wheel(bool down) { impl_->Button(down ? 5 : 4); }

bool Display::HasWindowAtPointer() {
  const Reply<xcb_query_pointer_reply_t> reply(xcb_query_pointer_reply(
      impl_->connection, xcb_query_pointer(impl_->connection, impl_->root), nullptr));
  return reply != nullptr && reply->child != XCB_NONE;
}

}  // namespace fletbridge::compare
