// Room: tests. Folders and archives that look like Flet's desktop clients from outside: the files
// are there, with the traces that tell the generation, but nothing in them runs.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/config/temp_folder.h"

namespace fletbridge {

inline const char* TraceOf(int generation) {
  if (generation == 1) return "package:flet/src/protocol/register_webclient_request.dart";
  if (generation == 2) return "package:flet/src/protocol/register_client_request_body.dart";
  return "package:flet/src/protocol/register_client_request_body.dart\n"
         "package:flet/src/transport/data_channel.dart";
}

// Writes the client `name`/lib, `name`/data into the folder; returns the path of `name`.
inline std::string MakeUpClient(const TempFolder& folder, const std::string& name,
                                int generation = 2) {
  folder.Write(name + "/flet", "a program");
  folder.Write(name + "/lib/libflutter_linux_gtk.so", "an engine");
  folder.Write(name + "/lib/libapp.so", std::string("code ") + TraceOf(generation));
  folder.Write(name + "/data/icudtl.dat", std::string("\x20\0\xda\x27 letters", 12));
  folder.Write(name + "/data/flutter_assets/version.json", "{}");
  return folder.path() + "/" + name;
}

// The same as Flet packs it: FOLDER/ARCHIVE with flet/lib and flet/data in it.
inline std::string MakeUpArchive(const TempFolder& folder, const std::string& archive,
                                 int generation = 2) {
  const TempFolder content;
  MakeUpClient(content, "flet", generation);
  const std::string path = folder.Write(archive);
  const std::string command = "tar -czf '" + path + "' -C '" + content.path() + "' flet";
  EXPECT_EQ(std::system(command.c_str()), 0);
  return path;
}

}  // namespace fletbridge
