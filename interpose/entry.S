/* SPDX-License-Identifier: MIT */
/*
 * The exported names.  Each jumps, with registers and stack as they were given,
 * to where its calls go: the entry, or another preloaded library's function
 * that has to have its turn first.
 *
 * vfork(2) and syscall(2) cannot be wrapped by C functions at all: the child of
 * a vfork would return through, and destroy, the frame of the wrapper that its
 * parent still needs.  So these look at what is about to happen and then jump.
 */
	.text

/* All six registers that carry arguments, around a call. */
	.macro	save
	pushq	%rdi
	.cfi_adjust_cfa_offset 8
	pushq	%rsi
	.cfi_adjust_cfa_offset 8
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%r8
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	.cfi_adjust_cfa_offset 8
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	.endm

	.macro	restore
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r9
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	.endm

	.macro	function name
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	.endm

	.macro	end name
	.cfi_endproc
	.size	\name, . - \name
	.endm

	.macro	front name
	function \name
	jmp	*shim_front_\name(%rip)
	end	\name
	.endm

/* The same when it is counted here that another library has the call. */
	.macro	stacked name
	.hidden	shim_stacked_\name
	function shim_stacked_\name
	leaq	shim_stack_\name(%rip), %r11
	jmp	stacked_call
	end	shim_stacked_\name
	.endm

	.type	stacked_call, @function
stacked_call:
	.cfi_startproc
	save
	movq	%rdi, %rsi
	movq	%r11, %rdi
	call	shim_before_stacked
	restore
	jmp	*%rax
	.cfi_endproc
	.size	stacked_call, . - stacked_call

/* Stands in for a function of libc that has not been looked for yet. */
	.macro	unfound name
	.section .rodata.str1.1, "aMS", @progbits, 1
.Lname_\name:
	.asciz	"\name"
	.text
	.hidden	shim_unfound_\name
	function shim_unfound_\name
	leaq	.Lname_\name(%rip), %r11
	jmp	unfound_call
	end	shim_unfound_\name
	.endm

	.type	unfound_call, @function
unfound_call:
	.cfi_startproc
	save
	movq	%r11, %rdi
	call	shim_find_early
	restore
	jmp	*%rax
	.cfi_endproc
	.size	unfound_call, . - unfound_call

#define SHIM_CALL_SYMBOL(symbol, entry, call) front symbol; stacked symbol;
#define SHIM_CHECKED_SYMBOL(symbol, entry, call) front symbol; stacked symbol;
#define SHIM_THROUGH_SYMBOL(symbol, entry) front symbol;
#define SHIM_OTHER_SYMBOL(symbol) unfound symbol;
#include "each.def"

	.globl	__vfork
	.type	__vfork, @function
	function vfork
__vfork:
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	shim_before_vfork
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	jmp	*%rax
	end	vfork
	.size	__vfork, . - __vfork

	.hidden	shim_entry_syscall
	function shim_entry_syscall
	save
	call	shim_before_syscall
	restore
	jmp	*%rax
	end	shim_entry_syscall

/* What syscall(2) of libc does. */
	.hidden	shim_raw_syscall
	function shim_raw_syscall
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	%r8, %r10
	movq	%r9, %r8
	movq	8(%rsp), %r9
	syscall
	cmpq	$-4095, %rax
	jae	1f
	ret
1:	negl	%eax
	movl	%eax, %edi
	jmp	shim_failed
	end	shim_raw_syscall

	.section .note.GNU-stack,"",@progbits
