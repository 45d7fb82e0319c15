#pragma once

#include <cstdlib>

/// Aborts when a property does not hold, in release builds too: how a fuzz target reports a finding.
inline void require(bool holds) {
  if (!holds) std::abort();
}
