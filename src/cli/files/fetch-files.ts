import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { FILES_API, type JobInfo } from '../../apps/files/messages.ts'
import { type Cli, pathOf } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { type ListView, report, showList } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { bytes, plural } from '../output/words.ts'
import { callFiles, wholePath } from './files-place.ts'
import { followJob } from './follow-job.ts'

/** What `file get` was told. */
export interface FetchWords {
  /** A file or folder to make, or a folder that is there to put it into. */
  readonly to?: string
  readonly force?: boolean
  /** The number of a version that is kept. */
  readonly old?: number
  /** Give it to others who may have it, or not; undefined leaves that to the app. */
  readonly hold?: boolean
}

/** `ztm file get PATH`: to the working folder if no place is said. */
export async function fetchFile(cli: Cli, typed: string, words: FetchWords): Promise<void> {
  const place = await choosePlace(cli)
  const path = wholePath(place, typed)
  const name = basename(path)
  const to = words.to ?? (place.isChosen ? name : '.')
  const file = place.isChosen ? to : await intoFolder(pathOf(cli, to), name)
  await run(cli, typed, { path, file, ...wordsOf(words) })
}

/** `ztm cloud download PATH`: to the download folder. */
export async function fetchToFolder(cli: Cli, typed: string, words: FetchWords): Promise<void> {
  const path = wholePath(await choosePlace(cli), typed)
  await run(cli, typed, { path, ...wordsOf(words) })
}

/** `ztm file jobs` */
export async function listJobs(cli: Cli): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const { jobs } = await callFiles(cli, mesh.name, FILES_API.listJobs, { params: { endpoint } })
  await showList(cli, jobs, JOB_VIEW)
}

/** `ztm file cancel JOB` */
export async function cancelJob(cli: Cli, job: string): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const ended = await callFiles(cli, mesh.name, FILES_API.cancelJob, { params: { endpoint, job } })
  await report(cli, `The ${ended.kind} of ${visible(ended.path)} is ${ended.state}`, {
    name: job,
    data: ended,
  })
}

/** `ztm file pause JOB`, `ztm file resume JOB` */
export async function pauseJob(cli: Cli, job: string, isPaused: boolean): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const call = { params: { endpoint, job }, body: { isPaused } }
  const changed = await callFiles(cli, mesh.name, FILES_API.changeJob, call)
  await report(cli, `The ${changed.kind} of ${visible(changed.path)} is ${changed.state}`, {
    name: job,
    data: changed,
  })
}

async function run(
  cli: Cli,
  typed: string,
  body: { path: string; file?: string; mayReplace: boolean; isHeld?: boolean; version?: number },
): Promise<void> {
  const place = await choosePlace(cli)
  const params = { endpoint: place.endpoint }
  const started = await callFiles(cli, place.mesh.name, FILES_API.download, { params, body })
  const job = await followJob(cli, place, started)
  const kept = job.keptBytes > 0 ? `, ${bytes(job.keptBytes)} of it was there` : ''
  const from = job.holders.filter(holder => holder.bytes > 0).map(holder => visible(holder.name))
  const whom = from.length === 0 ? '' : ` from ${from.join(', ')}`
  const what = `${plural(job.totalFiles, 'file')}, ${bytes(job.totalBytes)}${kept}`
  await report(cli, `Fetched ${visible(typed)} to ${visible(job.file)}${whom}: ${what}`, {
    name: job.file,
    data: job,
  })
}

function wordsOf({ force, hold, old }: FetchWords): {
  mayReplace: boolean
  isHeld?: boolean
  version?: number
} {
  return {
    mayReplace: force ?? false,
    ...(hold !== undefined && { isHeld: hold }),
    ...(old !== undefined && { version: old }),
  }
}

/** As `cp` does: what is put into a folder keeps its name. */
async function intoFolder(path: string, name: string): Promise<string> {
  const isFolder = await stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
  return isFolder ? join(path, name) : path
}

const JOB_VIEW: ListView<JobInfo> = {
  nameOf: job => job.id,
  columns: [
    { title: 'JOB', cell: job => job.id },
    { title: 'KIND', cell: job => job.kind },
    { title: 'PATH', cell: job => job.path },
    { title: 'FILE', cell: job => job.file },
    {
      title: 'STATE',
      cell: job => job.state,
      tone: job => (job.state === 'failed' ? 'bad' : job.state === 'done' ? 'good' : undefined),
    },
    { title: 'DONE', cell: job => `${bytes(job.doneBytes)} of ${bytes(job.totalBytes)}` },
    { title: 'ERROR', cell: job => job.error?.message },
  ],
}
