# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2207
#
# bash completion for shim(1)
#
# Short on purpose: the words of the option tables, and after the program's name
# whatever completes that program.

_shim_values() {
	case $1 in
	--mode=*) COMPREPLY=($(compgen -W 'ring auto off' -- "${1#*=}")) ;;
	--modes=*) COMPREPLY=($(compgen -W 'ring auto off ring,auto ring,auto,off' -- "${1#*=}")) ;;
	--wait=*) COMPREPLY=($(compgen -W 'native ring' -- "${1#*=}")) ;;
	--patch=*) COMPREPLY=($(compgen -W 'auto off' -- "${1#*=}")) ;;
	--stats=* | --output=* | --html=* | --read=* | --expected=*) COMPREPLY=($(compgen -f -- "${1#*=}")) ;;
	--status=*) COMPREPLY=($(compgen -W 'successful failed unfinished' -- "${1#*=}")) ;;
	--trace=*) COMPREPLY=($(compgen -W 'all %file %desc %network' -- "${1#*=}")) ;;
	*) return 1 ;;
	esac
}

# Where the program's name is, if it is already there: its index.
_shim_program() {
	local i
	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			echo $((i + 1))
			return
			;;
		-r) [[ ${COMP_WORDS[1]} == trace ]] || ((i++)) ;;
		-o | -p | -n | -e | -s | -a | -S | -U) ((i++)) ;;
		= | -*) ;;
		*)
			# "--mode=ring" comes as three words.
			[[ ${COMP_WORDS[i - 1]} == = ]] && continue
			echo "$i"
			return
			;;
		esac
	done
}

_shim() {
	local cur=${COMP_WORDS[COMP_CWORD]} word at
	local launch='--mode= --wait= --patch= --no-follow --quiet --strict --help'
	COMPREPLY=()

	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W 'run trace stat trial compare report doctor help --help --version' -- "$cur"))
		return
	fi
	case ${COMP_WORDS[1]} in
	help)
		COMPREPLY=($(compgen -W 'run trace stat trial compare report doctor' -- "$cur"))
		return
		;;
	run) launch+=' --stats --stats=' ;;
	trace) launch+=' --json --read= --output= --trace= --status= --follow-forks --string-limit= --columns= --decode-fds --summary-only --summary --summary-sort-by= --summary-columns= --successful-only --failed-only' ;;
	stat) launch+=' --json --openmetrics --output= --pid= --read=' ;;
	trial) launch='--cold --warm --both --rounds= --modes= --margin= --timeout= --prepare= --json --html= --output= --wait= --patch= --no-follow --quiet --help' ;;
	compare) launch='--mode= --wait= --patch= --no-follow --calls= --strict --expected= --json --quiet --output= --help' ;;
	report) launch='--output= --help' ;;
	doctor) launch='--json --help' ;;
	*) return ;;
	esac

	at=$(_shim_program)
	if [[ -n $at ]] && ((at < COMP_CWORD)) && [[ ${COMP_WORDS[1]} != @(compare|report|doctor) ]]; then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$at"
		else
			COMPREPLY=($(compgen -f -- "$cur"))
		fi
		return
	fi
	# Put back together what readline has taken apart.
	word=$cur
	if ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
		word=${COMP_WORDS[COMP_CWORD - 2]}=$cur
	elif ((COMP_CWORD > 2)) && [[ $cur == = ]]; then
		word=${COMP_WORDS[COMP_CWORD - 1]}=
	fi
	_shim_values "$word" && return
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$launch" -- "$cur"))
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
		return
	fi
	COMPREPLY=($(compgen -f -- "$cur"))
	[[ ${COMP_WORDS[1]} == @(compare|report) ]] || COMPREPLY+=($(compgen -c -- "$cur"))
}

complete -F _shim shim
