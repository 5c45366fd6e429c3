/* SPDX-License-Identifier: MIT */
/* Not being handed on to child programs; see follow.c. */
#ifndef SHIM_FOLLOW_H
#define SHIM_FOLLOW_H

/*
 * Take this library out of LD_PRELOAD in @env, and the variable with it if it is
 * empty then.  Before the program has begun: the strings are changed in place.
 */
void shim_unfollow(char **env);

#endif
