#include "common/site/gzip.h"

#include <algorithm>
#include <cstdint>

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>

namespace fletbridge::web {
namespace {

void Append(std::string& to, std::uint32_t number) {
  for (unsigned shift = 0; shift < 32; shift += 8)
    to.push_back(static_cast<char>(number >> shift & 0xffU));
}

}  // namespace

// Beast's own deflate: a program of ours links no other library, and the wheel may not.
std::string Gzip(std::string_view bytes) {
  namespace zlib = boost::beast::zlib;
  using namespace std::string_view_literals;
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff"sv);
  zlib::deflate_stream stream;
  stream.reset(6, 15, 8, zlib::Strategy::normal);
  const std::size_t begin = out.size();
  out.resize(begin + stream.upper_bound(bytes.size()) + 64);
  zlib::z_params params;
  params.next_in = bytes.data();
  params.avail_in = bytes.size();
  params.next_out = out.data() + begin;
  params.avail_out = out.size() - begin;
  boost::system::error_code error;
  stream.write(params, zlib::Flush::finish, error);
  if (error && error != zlib::error::end_of_stream) return {};
  out.resize(begin + params.total_out);
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  Append(out, crc.checksum());
  Append(out, static_cast<std::uint32_t>(bytes.size()));
  return out;
}

}  // namespace fletbridge::web
