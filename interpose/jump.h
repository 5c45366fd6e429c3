/* SPDX-License-Identifier: MIT */
#ifndef SHIM_JUMP_H
#define SHIM_JUMP_H

/* Learn whether this libc's jmp_buf is one that we can read. */
void shim_jump_init(void);

#endif
