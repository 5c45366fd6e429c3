// SPDX-License-Identifier: MIT
/* One place for "%p", because no printf(3) may be used where it is needed. */
#include "file_name.h"

#include "sys.h"

int shim_file_name(char *name, size_t size, const char *pattern)
{
	unsigned pid = (unsigned)shim_sys_getpid(), div;
	const char *s = pattern;
	size_t n = 0;

	while (*s && n + 12 < size) {
		if (s[0] == '%' && s[1] == 'p') {
			for (div = 1; pid / div >= 10; div *= 10)
				;
			for (; div; div /= 10)
				name[n++] = (char)('0' + pid / div % 10);
			s += 2;
		} else {
			name[n++] = *s++;
		}
	}
	name[n] = '\0';
	return *s ? -ENAMETOOLONG : 0;
}
