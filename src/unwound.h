/* SPDX-License-Identifier: MIT */
/* The personality of the frames of calls; see unwound.c. */
#ifndef SHIM_UNWOUND_H
#define SHIM_UNWOUND_H

#include <unwind.h>

/* Called by the unwinder, in the thread that is unwound, for each such frame. */
_Unwind_Reason_Code shim_unwound(int version, _Unwind_Action actions,
				 _Unwind_Exception_Class class,
				 struct _Unwind_Exception *exception,
				 struct _Unwind_Context *context);

#endif
