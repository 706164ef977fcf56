// Room: src/ui/web. Whether a request may upload a file: the signed address that an app makes with
// page.get_upload_url(), as flet_web 1.0.5 signs and checks it (uploads.py, flet_upload.py):
//
//   PATH/upload?f=NAME&e=EXPIRES&s=HMAC-SHA256(HMAC-SHA256(key, EXPIRES), "PATH/upload?…" without
//   s)
//
// where PATH has no slashes at its ends and the query is encoded as Python's urlencode does it.
// Pure functions; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace fletbridge::web {

// What the app has said about uploads (HOST_UPLOADS in python/shim/on-demand/clients.py).
struct UploadTerms {
  std::string folder;            // empty: there are none
  std::string key;               // what addresses are signed with
  std::uint64_t most_bytes = 0;  // of one file
};

// The answer to an upload; 200 if it may go on, or is done. `detail` is Flet's own text.
struct UploadAnswer {
  int status = 200;
  std::string detail;
};

// `path`: as the browser has it, without its query. `name`: the file, relative to the folder.
[[nodiscard]] UploadAnswer CheckUploadUrl(std::string_view path, std::string_view query,
                                          const std::string& key,
                                          std::chrono::system_clock::time_point now,
                                          std::string& name);

}  // namespace fletbridge::web
