#pragma once

#include <atomic>
#include <mutex>

/// Shared libraries that are loaded when one of their functions is first called. FFmpeg's libraries bring 135
/// others, libcurl 30: who needs none of them does not wait for them.
namespace rtpx {

/// Stays loaded. Thread-safe.
class LoadedLibrary {
 public:
  /// `name` as in the files that link it, with the version of its interface: "libcurl.so.4". Lives for ever.
  constexpr explicit LoadedLibrary(const char* name) noexcept : name_(name) {}
  /// Throws std::runtime_error where the library, or the function in it, is not there.
  [[nodiscard]] void* find(const char* function);

 private:
  const char* const name_;
  std::mutex mutex_;
  void* handle_ = nullptr;
};

/// Called as the function of that name in a C library. Thread-safe.
template <typename Function>
class LoadedFunction;

template <typename Return, typename... Arguments>
class LoadedFunction<Return(Arguments...)> {
 public:
  constexpr LoadedFunction(LoadedLibrary& library, const char* name) noexcept
      : library_(library), name_(name) {}
  /// Throws as LoadedLibrary::find() does.
  Return operator()(Arguments... arguments) { return pointer()(arguments...); }

 private:
  using Pointer = Return (*)(Arguments...);
  Pointer pointer() {
    Pointer found = pointer_.load(std::memory_order_relaxed);
    if (found == nullptr) {
      found = reinterpret_cast<Pointer>(library_.find(name_));
      pointer_.store(found, std::memory_order_relaxed);
    }
    return found;
  }

  LoadedLibrary& library_;
  const char* const name_;
  std::atomic<Pointer> pointer_ = nullptr;
};

template <typename Return, typename... Arguments>
class LoadedFunction<Return(Arguments..., ...)> {
 public:
  constexpr LoadedFunction(LoadedLibrary& library, const char* name) noexcept
      : library_(library), name_(name) {}
  /// Throws as LoadedLibrary::find() does.
  template <typename... More>
  Return operator()(Arguments... arguments, More... more) {
    return reinterpret_cast<Return (*)(Arguments..., ...)>(library_.find(name_))(arguments..., more...);
  }

 private:
  LoadedLibrary& library_;
  const char* const name_;
};

}  // namespace rtpx

/// In namespace rtpx: what calls `function` there by its plain name calls it in `library`, which is then not
/// linked.
#define RTPX_LOADED(library, function)                             \
  inline constinit LoadedFunction<decltype(::function)> function { \
    library, #function                                             \
  }
