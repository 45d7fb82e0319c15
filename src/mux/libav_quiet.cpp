#include "mux/libav_quiet.hpp"

#include <mutex>

extern "C" {
#include <libavutil/log.h>
}

namespace rtpx {

void quiet_libav() noexcept {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback([](void*, int, const char*, va_list) {}); });
}

}  // namespace rtpx
