#include "base/loaded_library.hpp"

#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace rtpx {

void* LoadedLibrary::find(const char* function) {
  const std::lock_guard lock(mutex_);
  if (handle_ == nullptr) handle_ = dlopen(name_, RTLD_LAZY | RTLD_LOCAL);
  void* const found = handle_ != nullptr ? dlsym(handle_, function) : nullptr;
  if (found == nullptr)
    throw std::runtime_error(std::string("A library that is needed cannot be used: ") + dlerror());
  return found;
}

}  // namespace rtpx
