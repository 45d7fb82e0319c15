#include "media/libav_quiet.hpp"

#include <mutex>

#include "media/libav_functions.hpp"

namespace rtpx {

void quiet_libav() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback([](void*, int, const char*, va_list) {}); });
}

}  // namespace rtpx
