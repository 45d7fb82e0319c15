#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "support/captures.hpp"

/// Skips the test where a program is not installed.
#define RTPX_NEEDS(tool) \
  if (std::system("command -v " tool " >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs " tool

namespace rtpx::test {

/// Runs a shell command in `folder`, where its output is in log.txt. A failure is the test's.
bool run(const TempDir& folder, const std::string& command);

}  // namespace rtpx::test
