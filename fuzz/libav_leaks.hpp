#pragma once

// libavformat 59 loses the table of Opus's sample groups when it writes an MP4 that has none. What libav's
// own allocator gave is left out here; the tests under AddressSanitizer look for leaks of ours.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libavutil";
}
