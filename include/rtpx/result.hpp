#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "rtpx/expected.hpp"

namespace rtpx {

/// What went wrong, as programs tell errors apart. People read Error::message.
enum class Errc : std::uint8_t {
  invalid_argument,   ///< an option or argument that can never work
  not_found,          ///< a file, folder, track or object that is not there
  already_exists,     ///< a track id, folder or file that is there and must not be overwritten
  tracks_not_found,   ///< end_tracks: none of the ids names a live track
  truncated,          ///< input ends inside a structure
  malformed,          ///< input contradicts its format
  unsupported,        ///< well formed, but a codec, container or version that rtpx does not handle
  io,                 ///< the operating system refused a read, write, sync or rename
  no_space,           ///< the disk (or quota) is full
  too_many_files,     ///< EMFILE or ENFILE
  network,            ///< connection, TLS or time-out
  denied,             ///< credentials or permissions
  cancelled,          ///< the caller's stop token asked for it
  storage_failed,     ///< the recorder gave up after its restarts
  nothing_to_convert, ///< no track of the recording holds decodable media
  internal,           ///< a bug in rtpx; please report it
};

/// Stable lower-case name of a code, such as "not_found".
[[nodiscard]] const char* to_string(Errc code) noexcept;

/// A failure: a code for programs and a sentence for people. The sentence names the file, the track and the
/// byte offset where they are known, and never holds a secret.
struct Error {
  Errc code = Errc::internal;
  std::string message;
};

/// The outcome of every call that can fail for reasons. No exception crosses the API. It is not std::expected, so that a
/// program in C++20 and the library agree on what it is.
template <typename T>
using Result = Expected<T, Error>;

/// Shorthand for returning a failure: `return fail(Errc::io, "…");`
[[nodiscard]] inline Unexpected<Error> fail(Errc code, std::string message) {
  return Unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace rtpx
