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

/// Where a function of a library lies, found when it is first asked for. Thread-safe.
template <typename Pointer>
class LoadedPointer {
 public:
  constexpr LoadedPointer(LoadedLibrary& library, const char* name) noexcept : library_(library), name_(name) {}
  /// Throws as LoadedLibrary::find() does.
  Pointer get() {
    Pointer found = pointer_.load(std::memory_order_relaxed);
    if (found == nullptr) {
      found = reinterpret_cast<Pointer>(library_.find(name_));
      pointer_.store(found, std::memory_order_relaxed);
    }
    return found;
  }

 private:
  LoadedLibrary& library_;
  const char* const name_;
  std::atomic<Pointer> pointer_ = nullptr;
};

/// Called as the function of that name in a C library. Throws as LoadedLibrary::find() does. Thread-safe.
template <typename Function>
class LoadedFunction;

template <typename Return, typename... Arguments>
class LoadedFunction<Return(Arguments...)> : LoadedPointer<Return (*)(Arguments...)> {
 public:
  using LoadedPointer<Return (*)(Arguments...)>::LoadedPointer;
  Return operator()(Arguments... arguments) { return this->get()(arguments...); }
};

template <typename Return, typename... Arguments>
class LoadedFunction<Return(Arguments..., ...)> : LoadedPointer<Return (*)(Arguments..., ...)> {
 public:
  using LoadedPointer<Return (*)(Arguments..., ...)>::LoadedPointer;
  template <typename... More>
  Return operator()(Arguments... arguments, More... more) {
    return this->get()(arguments..., more...);
  }
};

}  // namespace rtpx

/// In namespace rtpx: what calls `function` there by its plain name calls it in `library`, which is then not
/// linked.
#define RTPX_LOADED(library, function)                             \
  inline constinit LoadedFunction<decltype(::function)> function { \
    library, #function                                             \
  }
