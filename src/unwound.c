// SPDX-License-Identifier: MIT
/*
 * A frame that a call is made in is unwound: by a C++ exception that a signal
 * handler has thrown, or by the end of the thread.  shim_outcome_begin() names
 * this function as the personality of each such frame.  It needs no landing pad
 * and no language-specific data, and so nothing of libgcc, which a program may
 * have in another version, or not at all.
 *
 * The call in progress has been left for good then, as by a jump.  A call that
 * was nested in it has a frame of its own: which of them this is the frame
 * pointer tells.
 */
#include "unwound.h"

#include "thread.h"

_Unwind_Reason_Code shim_unwound(int version, _Unwind_Action actions,
				 _Unwind_Exception_Class class,
				 struct _Unwind_Exception *exception,
				 struct _Unwind_Context *context)
{
	struct shim_thread *t = shim_self;

	(void)version;
	(void)class;
	(void)exception;
	if (actions & _UA_CLEANUP_PHASE && t && !t->vforks &&
	    t->driver.phase > SHIM_PHASE_IDLE && t->driver.host->frame_of &&
	    t->driver.host->frame_of(context) == t->driver.frame)
		shim_driver_recover(&t->driver);
	return _URC_CONTINUE_UNWIND;
}
