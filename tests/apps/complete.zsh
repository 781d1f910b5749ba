# SPDX-License-Identifier: Apache-2.0
# complete.zsh DIR WORDS.. - what zsh makes of each of WORDS and a Tab, typed at a terminal.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; otrace() { print -r \"<\"\$*\">\" }; print BE''GUN"
zpty -r shell said '*BEGUN*'
for words in "${@:2}"; do
	zpty -w shell "otrace $words"$'\t'
	zpty -r shell said '*<*>*'
	print -r "${${said##*<}%%>*}"
done
zpty -d shell
