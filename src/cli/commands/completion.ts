import { Argument, type Command } from 'commander'
import { COMPLETION_SCRIPTS, type Shell } from '../completion/scripts.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { print } from '../output/show.ts'

/** `ztm completion bash|zsh|fish|powershell` */
export function defineCompletion(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<shell>', 'which').choices(Object.keys(COMPLETION_SCRIPTS)))
    .description(
      'Print a completion script for a shell. It offers commands, options, and the names of meshes, endpoints, ' +
        'users, services and tunnels that the agent knows at that moment.\n\n' +
        'To keep it:\n' +
        '  bash  ztm completion bash > ~/.local/share/bash-completion/completions/ztm\n' +
        '  zsh   ztm completion zsh > ~/.zsh/completions/_ztm   (a folder of $fpath)\n' +
        '  fish  ztm completion fish > ~/.config/fish/completions/ztm.fish\n' +
        '  PowerShell  ztm completion powershell >> $PROFILE',
    )
    .action((shell: Shell) => print(cli, COMPLETION_SCRIPTS[shell]))
  addExamples(
    command,
    'ztm completion bash',
    'ztm completion zsh',
    'ztm completion fish',
    'ztm completion powershell',
  )
}
