import type { Command } from 'commander'
import { FILES_API, MAX_KEPT_VERSIONS } from '../../apps/files/messages.ts'
import { parseCopyPlace } from '../../core/files/copy-request.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { listFolder } from '../file/list-folder.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showThing } from '../output/show.ts'
import { catFile } from './cat-file.ts'
import { cancelJob, type FetchWords, fetchFile, listJobs, pauseJob } from './fetch-files.ts'
import { callFiles } from './files-place.ts'
import { describeFile, type FindWords, findFiles, listFiles, listHeld, listVersions } from './list-files.ts'
import { listTransfers } from './list-transfers.ts'
import { type AccessWords, type PublishWords, publishFile, shareFile, withdrawFile } from './publish-files.ts'

/** The commands of `ztm file` that publish, find and fetch. */
export function defineFileSpace(command: Command, cli: Cli): void {
  definePublication(command, cli)
  defineLooking(command, cli)
  defineFetch(
    command.command('get').alias('download').summary('Fetch a file or tree, from all who have it'),
    cli,
  )
  const jobs = command
    .command('jobs')
    .summary('List publications and downloads')
    .action(() => listJobs(cli))
  addExamples(jobs, 'ztm file jobs', 'ztm ep office file jobs')
  const cancel = command
    .command('cancel')
    .summary('Cancel a publication or download')
    .argument('<job>', 'as `ztm file jobs` shows it')
    .action((job: string) => cancelJob(cli, job))
  addExamples(cancel, 'ztm file cancel 0123456789abcdef')
  for (const [word, isPaused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    const pause = command
      .command(word)
      .summary(isPaused ? 'Let a download wait; what came is kept' : 'Go on with a download that was paused')
      .argument('<job>', 'as `ztm file jobs` shows it')
      .action((job: string) => pauseJob(cli, job, isPaused))
    addExamples(pause, `ztm file ${word} 0123456789abcdef`)
  }
  const transfers = command
    .command('transfers')
    .summary('List what browsers save from this agent, and give it')
    .option('--stop <id>', 'end one of them')
    .action((words: { stop?: string }) => listTransfers(cli, words))
  addExamples(transfers, 'ztm file transfers', 'ztm file transfers --stop 0123456789abcdef')
  defineFilesConfig(command, cli)
}

/** A command that fetches: `file get`, `download file`. */
export function defineFetch(command: Command, cli: Cli): void {
  command
    .argument('<path>', 'what: /users/USER/NAME, or NAME of your own')
    .option('--to <file>', 'where to: a name, or a folder that is there (default: here)')
    .option('--force', 'replace what is there')
    .option('--old <version>', 'as it was: the number of a version, see `ztm file versions`', parseVersion)
    .option('--hold', 'give it to others who may have it, though it is not yours')
    .option('--no-hold', 'do not, though it is')
    .action((path: string, words: FetchWords) => fetchFile(cli, path, words))
  addExamples(
    command,
    'ztm file get /users/bob/photos',
    'ztm file get docs/report.pdf --to /tmp/report.pdf',
    'ztm file get docs/report.pdf --old 3 --force',
  )
}

/** Options that say who may see it. */
export function addAccessOptions(command: Command): Command {
  return command
    .option('--users <user...>', 'users who may see and fetch it; none is nobody')
    .option('--groups <group...>', 'groups whose members may')
    .option('--everyone', 'everybody in the mesh may')
    .option('--private', 'nobody but you may')
}

/** A command that publishes: `file publish`. */
function definePublication(command: Command, cli: Cli): void {
  const publish = addAccessOptions(
    command
      .command('publish')
      .summary('Publish a file or folder where it is')
      .argument('<path>', 'a file or folder; - is standard input, which then lies in the download folder')
      .option('--as <name>', 'its name in the mesh, as docs/report.pdf (default: its own)')
      .option(
        '--keep <count>',
        'versions before the newest that are kept, in a copy (default: as before, at first none)',
        parseKeep,
      )
      .option('--tag <tag...>', 'words to find it by'),
  ).action((path: string, words: PublishWords) => publishFile(cli, path, words))
  addExamples(
    publish,
    'ztm file publish report.pdf',
    'ztm file publish ~/photos --as photos/2026 --tag holiday --users alice --groups family',
    'ztm ep office file publish Documents/plan.odt --everyone',
    'ztm file publish - --as backup/shop.sql',
    'ztm file publish report.pdf --keep 10',
  )
  const share = addAccessOptions(
    command
      .command('share')
      .summary('Show or change who may see it')
      .argument('<path>', 'what you have published')
      .option('--tag <tag...>', 'words to find it by'),
  ).action((path: string, words: AccessWords & { tag?: string[] }) => shareFile(cli, path, words))
  addExamples(
    share,
    'ztm file share photos/2026',
    'ztm file share photos/2026 --users alice bob',
    'ztm file share photos/2026 --private',
  )
  defineUnpublishFile(command.command('unpublish'), cli)
  const erase = command
    .command('erase')
    .summary('Withdraw it, and remove it from disk, copies at your endpoints too')
  defineEraseFile(erase, cli)
}

/** A command that withdraws: `file unpublish`, `unpublish file`. */
export function defineUnpublishFile(command: Command, cli: Cli): void {
  command
    .summary('Withdraw a file or tree; it stays on disk')
    .argument('<path>', 'what you have published')
    .action((path: string) => withdrawFile(cli, path, false))
  addExamples(command, 'ztm file unpublish photos/2026')
}

/** The older way to publish, name first: `publish file`. */
export function definePublishFile(command: Command, cli: Cli): void {
  addAccessOptions(
    command
      .summary('Publish a file or folder under a name')
      .argument('<name>', 'its name in the mesh, as docs/report.pdf')
      .requiredOption('-i, --input <path>', 'the file or folder; - is standard input')
      .option('--tag <tag...>', 'words to find it by'),
  ).action((name: string, { input, ...words }: PublishWords & { input: string }) =>
    publishFile(cli, input, { ...words, as: name }),
  )
  addExamples(command, 'ztm publish file docs/report.pdf --input report.pdf --users alice')
}

/** A command that erases: `file erase`, `erase file`. */
export function defineEraseFile(command: Command, cli: Cli): void {
  command
    .argument('<path>', 'what you have published')
    .option('--yes', 'remove the file or folder itself from the disk')
    .action((path: string, { yes }: { yes?: boolean }) => {
      if (yes) return withdrawFile(cli, path, true)
      throw new MeshError(
        'bad-usage',
        'Cannot erase without --yes: the file or folder is removed from the disk: `ztm file unpublish` leaves it there',
      )
    })
  addExamples(command, 'ztm file erase photos/2026 --yes')
}

function parseKeep(text: string): number {
  return parseCount(text, 0, MAX_KEPT_VERSIONS)
}

/** Read the number of a version. @throws MeshError `bad-usage` */
export function parseVersion(text: string): number {
  return parseCount(text, 1, Number.MAX_SAFE_INTEGER)
}

function parseCount(text: string, least: number, most: number): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (count >= least && count <= most) return count
  throw new MeshError('bad-usage', `Cannot use ${quote(text)}: write a number from ${least} to ${most}`)
}

function defineLooking(command: Command, cli: Cli): void {
  const versions = command
    .command('versions')
    .summary('List the versions of something published that are kept')
    .argument('<path>', '/users/USER/NAME, or NAME of your own')
    .action((path: string) => listVersions(cli, path))
  addExamples(versions, 'ztm file versions docs/report.pdf')
  const ls = command
    .command('ls')
    .summary('List what is published, or what is in a published tree')
    .argument('[path]', '/users/USER/NAME, or NAME of your own; all if left out; ENDPOINT:PATH of a disk')
    .option('--hash', 'show the hash of each')
    .action((path: string | undefined, words: FindWords) =>
      path !== undefined && parseCopyPlace(path).endpoint !== undefined
        ? listFolder(cli, path)
        : listFiles(cli, path, words),
    )
  addExamples(
    ls,
    'ztm file ls',
    'ztm file ls /users/bob',
    'ztm file ls photos/2026',
    'ztm file ls office:Documents',
  )
  const cat = command
    .command('cat')
    .summary('Write a file, or a folder as an archive, to standard output')
    .argument('<path>', '/users/USER/NAME, or NAME of your own; ENDPOINT:PATH of a disk')
    .option('--tar', 'a folder with all in it, as an archive')
    .action((path: string, words: { tar?: boolean }) => catFile(cli, path, words))
  addExamples(
    cat,
    'ztm file cat notes.txt',
    'ztm file cat /users/bob/film.mp4 | mpv -',
    'ztm file cat office:.profile',
    'ztm file cat --tar /users/bob/photos > photos.tar',
    'ztm file cat --tar office:Documents | tar x',
  )
  const find = command
    .command('find')
    .summary('Find by name, tag and owner')
    .argument('[pattern]', 'part of the name, or with * ** ?')
    .option('--tag <tag>', 'with this tag')
    .option('--owner <user>', 'of this user')
    .option('--hash', 'show the hash of each')
    .action((pattern: string | undefined, words: FindWords) => findFiles(cli, pattern, words))
  addExamples(find, "ztm file find '*.pdf'", 'ztm file find --tag holiday --owner bob')
  const describe = command
    .command('describe')
    .summary('Show one in full')
    .argument('<path>', 'which')
    .action((path: string) => describeFile(cli, path))
  addExamples(describe, 'ztm file describe /users/bob/photos')
  const held = command
    .command('held')
    .summary('List what an endpoint has published or holds, and where')
    .option(
      '--confirm',
      'ask first those who published what is a copy here, whether it may still be given away',
    )
    .action((words: { confirm?: boolean }) => listHeld(cli, words))
  addExamples(held, 'ztm file held', 'ztm file held --confirm', 'ztm ep office file held')
}

/** A command that shows or changes the download folder: `file config`, `cloud config`. */
export function defineFilesConfig(command: Command, cli: Cli): void {
  const config = command
    .command('config')
    .summary('Show or change where downloads go that are told no place')
    .option('--local-dir <folder>', 'the folder; of a file it is users/USER/NAME below it')
    .action(async ({ localDir }: { localDir?: string }) => {
      const { mesh, endpoint } = await choosePlace(cli)
      const params = { endpoint }
      const shown =
        localDir === undefined
          ? await callFiles(cli, mesh.name, FILES_API.showFilesConfig, { params })
          : await callFiles(cli, mesh.name, FILES_API.changeFilesConfig, {
              params,
              body: { folder: localDir },
            })
      await showThing(cli, shown, {
        name: shown.folder,
        fields: [
          ['Folder', shown.folder],
          ['Not found', shown.error],
        ],
      })
    })
  addExamples(config, 'ztm cloud config', 'ztm cloud config --local-dir /srv/files')
}
