/** The shells there is a completion script for. */
export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell'

/** The completion script of each shell. It asks `ztm __complete` at every Tab, so it never grows old. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: String.raw`# bash completion for ztm
_ztm() {
  local IFS=$'\n' line current=$2
  COMPREPLY=()
  for line in $("$1" __complete bash -- "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null); do
    if [[ $line == ':files' ]]; then
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -f -- "$current"))
    else
      COMPREPLY+=("$line")
    fi
  done
}
complete -F _ztm ztm
`.replaceAll('\\${', '${'),
  zsh: String.raw`#compdef ztm
_ztm() {
  local -a lines candidates
  local line word about files
  lines=("\${(@f)$("\${words[1]}" __complete zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  for line in $lines; do
    if [[ $line == ':files' ]]; then
      files=1
      continue
    fi
    word=\${line%%$'\t'*}
    about=
    [[ $line == *$'\t'* ]] && about=\${line#*$'\t'}
    candidates+=("\${word//:/\\:}\${about:+:$about}")
  done
  (( $#candidates )) && _describe ztm candidates
  [[ -n $files ]] && _files
  return 0
}
if [[ $funcstack[1] == _ztm ]]; then
  _ztm "$@"
else
  compdef _ztm ztm
fi
`.replaceAll('\\${', '${'),
  fish: `# fish completion for ztm
function __ztm_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    for line in ($program __complete fish -- $words "$current" 2>/dev/null </dev/null)
        if test "$line" = ':files'
            __fish_complete_path "$current"
        else
            echo -- $line
        end
    end
end
complete -c ztm -f -a '(__ztm_complete)'
`,
  powershell: String.raw`# PowerShell completion for ztm
Register-ArgumentCompleter -Native -CommandName ztm -ScriptBlock {
  param($current, $line, $position)
  $words = @()
  foreach ($element in @($line.CommandElements | Select-Object -Skip 1)) {
    if ($element.Extent.EndOffset -ge $position) { break }
    $words += if ($element.PSObject.Properties['Value']) { [string]$element.Value } else { $element.Extent.Text }
  }
  # An empty argument would be left out by some versions, so what is typed goes behind a dot.
  foreach ($answer in @(ztm __complete powershell '--' @words ".$current" 2>$null)) {
    if ($answer -eq ':files') {
      [System.Management.Automation.CompletionCompleters]::CompleteFilename($current)
      continue
    }
    $word, $about = $answer -split "\t", 2
    if (-not $about) { $about = $word }
    $text = if ($word -match '^[\w./:@=+-]+$') { $word } else { "'" + $word.Replace("'", "''") + "'" }
    [System.Management.Automation.CompletionResult]::new($text, $word, 'ParameterValue', $about)
  }
}
`,
}
