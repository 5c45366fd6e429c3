// SPDX-License-Identifier: MIT
/* Calls that copy inside the kernel: native, and counted. */
#include "init.h"

SHIM_EXPORT ssize_t sendfile(int out, int in, off_t *off, size_t n)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_SENDFILE,
		  SHIM_ARGS(out, in, (uintptr_t)off, n));
	return shim_booked(&b, shim_real.sendfile(out, in, off, n));
}

SHIM_EXPORT ssize_t sendfile64(int out, int in, off64_t *off, size_t n)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_SENDFILE,
		  SHIM_ARGS(out, in, (uintptr_t)off, n));
	return shim_booked(&b, shim_real.sendfile64(out, in, off, n));
}

SHIM_EXPORT ssize_t copy_file_range(int in, off64_t *in_off, int out,
				    off64_t *out_off, size_t n, unsigned flags)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_COPY_FILE_RANGE,
		  SHIM_ARGS(in, (uintptr_t)in_off, out, (uintptr_t)out_off, n,
			    flags));
	return shim_booked(&b, shim_real.copy_file_range(in, in_off, out,
							 out_off, n, flags));
}

SHIM_EXPORT ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off,
			   size_t n, unsigned flags)
{
	struct shim_booking b;

	shim_enter();
	shim_book(&b, SHIM_CALL_SPLICE,
		  SHIM_ARGS(in, (uintptr_t)in_off, out, (uintptr_t)out_off, n,
			    flags));
	return shim_booked(&b, shim_real.splice(in, in_off, out, out_off, n,
						flags));
}
