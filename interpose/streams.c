// SPDX-License-Identifier: MIT
/*
 * Functions with which libc closes or replaces descriptors by itself, without
 * calling any symbol that we could see: the cache must not survive them.
 */
#include "init.h"

#include "fdtable.h"

SHIM_EXPORT int fclose(FILE *f)
{
	int fd = fileno_unlocked(f), ret;

	shim_enter();
	if (f == stderr)
		shim_stderr_closing();
	shim_fd_forget(fd);
	ret = shim_real.fclose(f);
	shim_fd_forget(fd);
	return ret;
}

SHIM_EXPORT int fcloseall(void)
{
	int ret;

	shim_enter();
	shim_fds_forget_all();
	ret = shim_real.fcloseall();
	shim_fds_forget_all();
	return ret;
}

SHIM_EXPORT FILE *freopen(const char *path, const char *mode, FILE *f)
{
	FILE *ret;

	shim_enter();
	shim_fds_forget_all();
	ret = shim_real.freopen(path, mode, f);
	shim_fds_forget_all();
	return ret;
}

SHIM_EXPORT FILE *freopen64(const char *path, const char *mode, FILE *f)
{
	FILE *ret;

	shim_enter();
	shim_fds_forget_all();
	ret = shim_real.freopen64(path, mode, f);
	shim_fds_forget_all();
	return ret;
}

SHIM_EXPORT int pclose(FILE *f)
{
	int fd = fileno_unlocked(f), ret;

	shim_enter();
	shim_fd_forget(fd);
	ret = shim_real.pclose(f);
	shim_fd_forget(fd);
	return ret;
}

SHIM_EXPORT int closedir(DIR *dir)
{
	int ret;

	shim_enter();
	/* Not by number: a null pointer, on which libc survives, has none. */
	shim_fds_forget_all();
	ret = shim_real.closedir(dir);
	shim_fds_forget_all();
	return ret;
}

SHIM_EXPORT int daemon(int nochdir, int noclose)
{
	int ret;

	shim_enter();
	ret = shim_real.daemon(nochdir, noclose);
	shim_fds_forget_all();
	return ret;
}

SHIM_EXPORT int login_tty(int fd)
{
	int ret;

	shim_enter();
	shim_fds_forget_all();
	ret = shim_real.login_tty(fd);
	shim_fds_forget_all();
	return ret;
}
