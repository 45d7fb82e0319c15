#pragma once

namespace rtpx {

/// FFmpeg's messages go to a callback that drops them, instead of to standard error. The process has one such
/// callback: it is set once, and only where the program has not set its own level or callback before us,
/// which cannot be seen; so a program that wants them calls av_log_set_callback after the first conversion.
void quiet_libav();

}  // namespace rtpx
