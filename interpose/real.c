// SPDX-License-Identifier: MIT
/*
 * Finding the functions behind ours, and what stands in for the calls until
 * they are found: calls can come before our constructor, from other libraries'
 * constructors, even from inside dlsym.
 */
#include "real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <string.h>

#include "sys.h"

static long ret_errno(long ret)
{
	if (ret < 0) {
		errno = (int)-ret;
		return -1;
	}
	return ret;
}

static int shim_raw_openat(int dirfd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return (int)ret_errno(shim_sys4(SYS_openat, dirfd, path, flags, mode));
}

static int shim_raw_open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	return shim_raw_openat(AT_FDCWD, path, flags, mode);
}

static int shim_raw_openat_2(int dirfd, const char *path, int flags)
{
	return shim_raw_openat(dirfd, path, flags, 0);
}

static int shim_raw_open_2(const char *path, int flags)
{
	return shim_raw_openat(AT_FDCWD, path, flags, 0);
}

static int shim_raw_creat(const char *path, mode_t mode)
{
	return shim_raw_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC,
			       mode);
}

static ssize_t shim_raw_read(int fd, void *buf, size_t n)
{
	return ret_errno(shim_sys(SYS_read, fd, buf, n));
}

static ssize_t shim_raw_read_chk(int fd, void *buf, size_t n, size_t size)
{
	if (n > size)
		abort();
	return shim_raw_read(fd, buf, n);
}

static ssize_t shim_raw_write(int fd, const void *buf, size_t n)
{
	return ret_errno(shim_sys(SYS_write, fd, buf, n));
}

static int shim_raw_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)ret_errno(shim_sys(SYS_connect, fd, addr, len));
}

static int shim_raw_close(int fd)
{
	return (int)ret_errno(shim_sys(SYS_close, fd, 0, 0));
}

struct shim_real shim_real = {
#define SHIM_CALL_SYMBOL(symbol, call, raw) .symbol = raw,
#define SHIM_OTHER_SYMBOL(symbol)
#include "calls.def"
#undef SHIM_CALL_SYMBOL
#undef SHIM_OTHER_SYMBOL
};

bool shim_stacked[SHIM_CALLS];

/* A symbol that this libc does not have keeps what it had. */
static void *next(const char *name, void *otherwise)
{
	void *p = dlsym(RTLD_NEXT, name);

	return p ? p : otherwise;
}

/* Where libc, and libpthread of old, are mapped: dladdr(3) is far slower. */
struct range {
	uintptr_t begin, end;
};

static struct range libc_at[2];

static int note_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = strrchr(info->dlpi_name, '/');
	unsigned *found = arg;
	struct range *r = &libc_at[*found];
	uintptr_t begin, end;
	int i;

	(void)size;
	name = name ? name + 1 : info->dlpi_name;
	if (strncmp(name, "libc.so", 7) != 0 &&
	    strncmp(name, "libc-", 5) != 0 &&
	    strncmp(name, "libpthread", 10) != 0)
		return 0;
	r->begin = UINTPTR_MAX;
	for (i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		end = begin + info->dlpi_phdr[i].p_memsz;
		r->begin = begin < r->begin ? begin : r->begin;
		r->end = end > r->end ? end : r->end;
	}
	return ++*found == 2;
}

static void check_stacked(enum shim_call call, void *function)
{
	uintptr_t p = (uintptr_t)function;
	int i;

	for (i = 0; i < 2; i++) {
		if (p >= libc_at[i].begin && p < libc_at[i].end)
			return;
	}
	shim_stacked[call] = true;
}

void shim_real_resolve(void)
{
	unsigned found = 0;

	dl_iterate_phdr(note_libc, &found);
#define SHIM_CALL_SYMBOL(symbol, call, raw) \
	shim_real.symbol = next(#symbol, shim_real.symbol); \
	if ((void *)shim_real.symbol != (void *)raw) \
		check_stacked(SHIM_CALL_##call, shim_real.symbol);
#define SHIM_OTHER_SYMBOL(symbol) \
	shim_real.symbol = next(#symbol, shim_real.symbol);
#include "calls.def"
#undef SHIM_CALL_SYMBOL
#undef SHIM_OTHER_SYMBOL
}
