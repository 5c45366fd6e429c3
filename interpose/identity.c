// SPDX-License-Identifier: MIT
/*
 * What a process may do and where: who it is, its namespaces, root and current
 * directory, its limits.  All native; here only what runs ahead of the program is ended
 * before, because it has the old ones, and is a thread in the way of unshare(2) and
 * setns(2).
 */
#include "init.h"

#include "prefetch.h"
#include "process.h"

void shim_before_identity(void)
{
	shim_prefetch_stop(true);
}

void shim_before_namespace(void)
{
	shim_prefetch_stop(true);
	if (__libc_single_threaded)
		shim_prefetch_alone();
}

#define WITH_IDENTITY(name, parameters, arguments) \
SHIM_EXPORT int name parameters \
{ \
	shim_enter(); \
	shim_before_identity(); \
	return shim_real.name arguments; \
}

WITH_IDENTITY(setuid, (uid_t uid), (uid))
WITH_IDENTITY(setgid, (gid_t gid), (gid))
WITH_IDENTITY(seteuid, (uid_t uid), (uid))
WITH_IDENTITY(setegid, (gid_t gid), (gid))
WITH_IDENTITY(setreuid, (uid_t real, uid_t uid), (real, uid))
WITH_IDENTITY(setregid, (gid_t real, gid_t gid), (real, gid))
WITH_IDENTITY(setresuid, (uid_t real, uid_t uid, uid_t saved),
	      (real, uid, saved))
WITH_IDENTITY(setresgid, (gid_t real, gid_t gid, gid_t saved),
	      (real, gid, saved))
WITH_IDENTITY(setfsuid, (uid_t uid), (uid))
WITH_IDENTITY(setfsgid, (gid_t gid), (gid))
WITH_IDENTITY(setgroups, (size_t n, const gid_t *groups), (n, groups))
WITH_IDENTITY(initgroups, (const char *user, gid_t group), (user, group))
WITH_IDENTITY(capset, (void *header, const void *data), (header, data))
WITH_IDENTITY(chroot, (const char *path), (path))

SHIM_EXPORT int unshare(int flags)
{
	shim_enter();
	shim_before_namespace();
	return shim_real.unshare(flags);
}

SHIM_EXPORT int setns(int fd, int type)
{
	shim_enter();
	shim_before_namespace();
	return shim_real.setns(fd, type);
}

/* What has memory and a thread of its own takes them from these. */
WITH_IDENTITY(mlockall, (int flags), (flags))
WITH_IDENTITY(setrlimit, (enum __rlimit_resource resource, const struct rlimit *limit),
	      (resource, limit))
WITH_IDENTITY(setrlimit64, (enum __rlimit_resource resource, const struct rlimit64 *limit),
	      (resource, limit))

static void before_limits(const void *limit)
{
	if (limit)
		shim_before_identity();
}

SHIM_EXPORT int prlimit(pid_t pid, enum __rlimit_resource resource,
			const struct rlimit *limit, struct rlimit *old)
{
	shim_enter();
	before_limits(limit);
	return shim_real.prlimit(pid, resource, limit, old);
}

SHIM_EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource,
			  const struct rlimit64 *limit, struct rlimit64 *old)
{
	shim_enter();
	before_limits(limit);
	return shim_real.prlimit64(pid, resource, limit, old);
}

/* Operands are relative to the directory that was current when it started. */

SHIM_EXPORT int chdir(const char *path)
{
	shim_enter();
	shim_prefetch_stop(false);
	return shim_real.chdir(path);
}

SHIM_EXPORT int fchdir(int fd)
{
	shim_enter();
	shim_prefetch_stop(false);
	return shim_real.fchdir(fd);
}
