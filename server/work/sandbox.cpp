#include "server/work/sandbox.hpp"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace rtpx::server {
namespace {

/// Refused with EPERM. io_uring could make sockets by another way. abort() is tgkill, which stays.
constexpr const char* kRefused[] = {
    "socket",
    "socketpair",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "kill",
    "tkill",
    "pidfd_open",
    "pidfd_send_signal",
    "pidfd_getfd",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "open_by_handle_at",
    "name_to_handle_at",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "add_key",
    "request_key",
    "keyctl",
    "init_module",
    "finit_module",
    "kexec_load",
    "reboot",
    "swapon",
    "acct",
    "quotactl",
};

std::vector<sock_filter> exported(scmp_filter_ctx context) {
  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) return {};
  std::vector<sock_filter> filter;
  if (::seccomp_export_bpf(context, file) == 0) {
    const off_t bytes = ::lseek(file, 0, SEEK_END);
    filter.resize(bytes > 0 ? static_cast<std::size_t>(bytes) / sizeof(sock_filter) : 0);
    const auto size = static_cast<ssize_t>(filter.size() * sizeof(sock_filter));
    if (::pread(file, filter.data(), static_cast<std::size_t>(size), 0) != size) filter.clear();
  }
  ::close(file);
  return filter;
}

std::vector<sock_filter> make() {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> context(::seccomp_init(SCMP_ACT_ALLOW),
                                                                 ::seccomp_release);
  if (!context) return {};
  for (const char* name : kRefused) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;  // newer than this library
    if (::seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(EPERM), number, 0) != 0) return {};
  }
  return exported(context.get());
}

}  // namespace

const std::vector<sock_filter>& no_network_filter() {
  static const std::vector<sock_filter> filter = make();
  return filter;
}

bool enter(const std::vector<sock_filter>& filter) noexcept {
  if (filter.empty() || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace rtpx::server
