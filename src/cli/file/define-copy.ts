import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { type CopyWords, copyFiles, parseMbps } from './copy-files.ts'
import { type GrantWords, grantFolder } from './grant-folder.ts'

/** `ztm file cp|grant …`: files as they are on the disks of endpoints. */
export function defineCopy(command: Command, cli: Cli): void {
  const cp = command
    .command('cp')
    .summary('Copy files and folders between endpoints')
    .description(
      'Copy a file, or a folder with all in it, here or at an endpoint: `ENDPOINT:PATH`, from the home folder there unless it ' +
        'begins with a slash. Modes, times, links and holes stay. What is there already is not sent, and a copy that was cut goes on ' +
        'where it was. A folder that ends in a slash is what is in it. At endpoints of your own everything that their agents may reach; at those of others what ' +
        'was granted to you.',
    )
    .argument('<from>', '[ENDPOINT:]PATH')
    .argument('<to>', '[ENDPOINT:]PATH; into it if it is a folder')
    .option('--delete', 'remove what is there and not in the source')
    .option('--dry-run', 'only say what would be done')
    .option('--checksum', 'compare contents, not size and time')
    .option('--limit-mbps <number>', 'megabits a second at most', parseMbps)
    .action((from: string, to: string, words: CopyWords) => copyFiles(cli, from, to, words))
  addExamples(
    cp,
    'ztm file cp report.pdf office:Documents/',
    'ztm file cp office:/var/log/syslog .',
    'ztm file cp photos/ nas:/srv/photos --delete --dry-run',
    'ztm file cp office:project laptop:project --limit-mbps 50',
  )
  const grant = command
    .command('grant')
    .summary('Let others use a folder, or show whom you let')
    .argument('[folder]', 'a folder; without it, all that are granted are listed')
    .option('--user <user...>', 'these users')
    .option('--group <group...>', 'and the members of these groups')
    .option('--write', 'they may change what is there, too')
    .option('--remove', 'nobody else may any more')
    .action((folder: string | undefined, words: GrantWords) => grantFolder(cli, folder, words))
  addExamples(
    grant,
    'ztm file grant',
    'ztm file grant /srv/photos --user alice bob',
    'ztm ep nas file grant /srv/drop --group staff --write',
    'ztm file grant /srv/photos --remove',
  )
}
