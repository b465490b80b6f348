import type { Command } from 'commander'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { makeFolder, removeItem, renameItem } from './change-disk.ts'
import { type CopyWords, copyFiles, parseMbps, parseMbpsOrNone } from './copy-files.ts'
import { type GrantWords, grantFolder } from './grant-folder.ts'
import { type MirrorWords, mirrorFolder, parseOnOff } from './mirror-folder.ts'
import { type ServeWords, serveFolder } from './serve-folder.ts'

/** `ztm file cp|mirror|grant …`: files as they are on the disks of endpoints. */
export function defineCopy(command: Command, cli: Cli): void {
  const cp = command
    .command('cp')
    .summary('Copy files and folders between endpoints')
    .description(
      'Copy a file, or a folder with all in it, here or at an endpoint: `ENDPOINT:PATH`, from the home folder there unless it ' +
        'begins with a slash. Modes, times, links and holes stay. What is there already is not sent, and a copy that was cut goes on ' +
        'where it was. A folder that ends in a slash is what is in it. At endpoints of your own everything that their agents may reach; at those of others, written USER@ENDPOINT:PATH, what ' +
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
    'ztm file cp alice@nas:/srv/photos .',
  )
  defineChanges(command, cli)
  defineMirror(command.command('mirror'), cli)
  defineServe(command, cli)
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

/** `ztm file serve`: a folder for programs that speak WebDAV. */
function defineServe(command: Command, cli: Cli): void {
  const serve = command
    .command('serve')
    .summary('Give other programs a folder of an endpoint, as a WebDAV share')
    .description(
      'Show a folder of an endpoint, one of your own or one that was granted to you, as a WebDAV share on this computer until Ctrl-C: Finder, ' +
        'Windows Explorer, GNOME Files, davfs2, rclone and other programs open it as a folder. It listens on this computer alone, and wants the user and the ' +
        'password that are shown: a new password each time, or the first line of a file. Where you may only read, so may they. Symbolic links are not shown.\n\n' +
        'Finder: Go > Connect to Server, http://127.0.0.1:7788/\n' +
        'Windows Explorer: Map network drive, http://127.0.0.1:7788/, or: net use Z: http://127.0.0.1:7788/ /user:ztm *\n' +
        'GNOME Files: Other Locations, dav://127.0.0.1:7788/\n' +
        'davfs2: mount -t davfs http://127.0.0.1:7788/ /mnt/photos\n' +
        'rclone: rclone lsf :webdav: --webdav-url http://127.0.0.1:7788/ --webdav-user ztm --webdav-pass $(rclone obscure PASSWORD)\n' +
        'curl: curl --user ztm --upload-file a.jpg http://127.0.0.1:7788/a.jpg',
    )
    .argument('<folder>', '[ENDPOINT:]PATH')
    .option('--listen <address>', 'where on this computer; port 0 for any that is free', '127.0.0.1:7788')
    .option(
      '--password-file <file>',
      'its first line is the password, 16 characters or more; - for standard input',
    )
    .action((folder: string, words: ServeWords) => serveFolder(cli, folder, words))
  addExamples(
    serve,
    'ztm file serve nas:/srv/photos',
    'ztm file serve alice@nas:/srv/drop --listen 127.0.0.1:8081',
    'ztm ep office file serve Documents --password-file ~/.webdav-password',
  )
}

/** `ztm file mkdir|rename|rm`: names on the disks of endpoints. */
function defineChanges(command: Command, cli: Cli): void {
  const mkdir = command
    .command('mkdir')
    .summary('Make a folder on the disk of an endpoint')
    .argument('<place>', 'ENDPOINT:PATH; the folder it is in has to be there')
    .action((place: string) => makeFolder(cli, place))
  addExamples(mkdir, 'ztm file mkdir office:Documents/2026')
  const rename = command
    .command('rename')
    .summary('Rename a file or folder on the disk of an endpoint')
    .argument('<place>', 'ENDPOINT:PATH')
    .argument('<name>', 'its new name in the same folder, that nothing has there')
    .action((place: string, name: string) => renameItem(cli, place, name))
  addExamples(rename, 'ztm file rename office:Documents/draft.odt report.odt')
  const rm = command
    .command('rm')
    .summary('Remove a file or folder from the disk of an endpoint')
    .description(
      'Remove a file, a link or an empty folder from the disk of an endpoint, or with --recursive a folder with all in it. It is gone then: ' +
        'there is no trash. What links lead to stays. To withdraw what is published, use `ztm file unpublish` or `erase`.',
    )
    .argument('<place>', 'ENDPOINT:PATH')
    .option('-r, --recursive', 'a folder with all that is in it')
    .action((place: string, words: { recursive?: boolean }) => removeItem(cli, place, words))
  addExamples(rm, 'ztm file rm office:Documents/old.odt', 'ztm file rm --recursive office:Documents/2019')
}

/** A command that keeps folders equal: `file mirror`, `cloud mirror`. */
export function defineMirror(mirror: Command, cli: Cli): void {
  mirror
    .summary('Keep two folders equal, or show which are')
    .description(
      'Keep a folder here and one at another endpoint equal, both ways, for as long as the mirror lasts: the agent does it, also after a ' +
        'restart. Where both sides changed a file, both keep both. What is removed or replaced is kept in `.ztm-mirror/trash` of its side for 30 days. ' +
        'What `.ztmignore` in the folder says, in the form of `.gitignore`, is left alone.\n\n' +
        'One way: with `--upload` changes here go there, and nothing is ever done here; with `--download` changes there come here, and nothing is ever ' +
        'done there. What is changed, made or removed where changes go to stays so until the same path is changed where they come from: then that has the name, and the ' +
        'other is kept as a conflict copy beside it. What is removed where changes come from is removed, unless it was changed.',
    )
    .argument('[folder]', 'a folder, or the name of a mirror; without it, all are listed')
    .option('--to <place>', '[ENDPOINT:]PATH of the other side; it is made if it is missing')
    .option('--name <name>', "what to call it; the folder's own name if left out")
    .option('--ignore <pattern...>', 'what is not mirrored, in the form of .gitignore')
    .option('--limit-mbps <number>', 'megabits a second at most; 0 is no limit', parseMbpsOrNone)
    .option(
      '--download [on|off]',
      'whether changes there come here; alone at the beginning: only that way',
      parseOnOff,
    )
    .option(
      '--upload [on|off]',
      'whether changes here go there; alone at the beginning: only that way',
      parseOnOff,
    )
    .option('--pause', 'do nothing until --resume')
    .option('--resume', 'go on')
    .option('--stop', 'end it; both folders stay as they are')
    .action((folder: string | undefined, words: MirrorWords) => mirrorFolder(cli, folder, words))
  addExamples(
    mirror,
    'ztm file mirror',
    'ztm file mirror Documents --to nas:/srv/documents',
    "ztm file mirror src --to office:src --name code --ignore node_modules '*.log' --limit-mbps 20",
    'ztm file mirror Photos --to nas:/srv/photos --upload',
    'ztm file mirror nas-docs --to nas:/srv/documents --download',
    'ztm file mirror code --download off',
    'ztm file mirror code --pause',
    'ztm file mirror code --stop',
  )
}
