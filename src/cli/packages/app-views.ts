import { AGENT_API } from '../../core/api/agent-api.ts'
import type { ReleaseInfo } from '../../core/api/catalogue-api.ts'
import type { InstalledInfo } from '../../core/api/installed-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { isNewer } from '../../core/app/release.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { painter } from '../output/colors.ts'
import { type ListView, remark, showThing } from '../output/show.ts'
import { formatTable } from '../output/table.ts'
import { visible } from '../output/text-width.ts'
import { ago, bytes, moment } from '../output/words.ts'
import { cataloguePlace } from './app-place.ts'

/** An app as `ztm get app` lists it: at the endpoint, in the catalogue, or both. */
export interface AppLine {
  readonly name: string
  readonly publisher: string
  readonly version?: string | undefined
  readonly channel?: string | undefined
  /** `available`, or how the one here is. */
  readonly state: string
  /** A newer version of its channel is published. */
  readonly newest?: string | undefined
  readonly description?: string | undefined
}

/** How `ztm get app` prints. */
export const APP_LINE_VIEW: ListView<AppLine> = {
  nameOf: app => app.name,
  columns: [
    { title: 'NAME', cell: app => app.name },
    { title: 'VERSION', cell: app => app.version ?? '' },
    { title: 'CHANNEL', cell: app => app.channel ?? '' },
    { title: 'STATE', cell: app => app.state, tone: app => TONES[app.state] ?? 'quiet' },
    { title: 'NEWEST', cell: app => app.newest ?? '' },
    { title: 'PUBLISHER', cell: app => app.publisher },
  ],
}

const TONES: Readonly<Record<string, 'good' | 'bad' | 'quiet'>> = {
  running: 'good',
  failed: 'bad',
  waiting: 'bad',
}

/** Everything there is at an endpoint, and everything one could install. @throws MeshError as `callAgent` */
export async function listAppLines(cli: Cli): Promise<AppLine[]> {
  const { mesh, endpoint } = await choosePlace(cli)
  const params = { mesh: mesh.name }
  const { apps } = await callAgent(cli, AGENT_API.listApps, { params: { ...params, endpoint } })
  const releases = await callAgent(cli, AGENT_API.listReleases, { params }).then(
    answer => answer.releases,
    thrown => {
      // What is here can be told without the mesh.
      remark(cli, `ztm: ${visible(toMeshError(thrown).message)} (the catalogue is not shown)`)
      return [] as ReleaseInfo[]
    },
  )
  const here = apps.map(app => lineOf(app, releases))
  const names = new Set(apps.map(({ name }) => name))
  const more = releases
    .filter(({ provider, name }) => !names.has(`${provider}/${name}`))
    .map(release => availableLine(release))
  return [...here, ...more]
}

type ListedApp = Answer<typeof AGENT_API.listApps>['apps'][number]

function lineOf({ name, installed, isRunning }: ListedApp, releases: readonly ReleaseInfo[]): AppLine {
  if (installed === undefined)
    return { name, publisher: 'ztm', channel: 'built in', state: isRunning ? 'running' : 'stopped' }
  const { provider, version, channel, state, description } = installed
  const newest = releases.find(
    one => one.provider === provider && one.name === installed.name && one.channel === channel,
  )
  const isOld = newest !== undefined && isNewer(newest.version, version)
  return {
    name,
    publisher: provider,
    version,
    channel,
    state,
    description,
    ...(isOld && { newest: newest.version }),
  }
}

function availableLine({ provider, name, version, channel, description }: ReleaseInfo): AppLine {
  return {
    name: `${provider}/${name}`,
    publisher: provider,
    version,
    channel,
    state: 'available',
    description,
  }
}

/** `ztm describe app NAME`: the app here, and its releases. @throws MeshError `not-found` */
export async function describeAnyApp(cli: Cli, word: string): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const { apps } = await callAgent(cli, AGENT_API.listApps, { params: { mesh: mesh.name, endpoint } })
  const found = apps.find(({ name }) => name === word || name.slice(name.indexOf('/') + 1) === word)
  if (found?.isBuiltin === true)
    return showThing(cli, found, {
      name: found.name,
      fields: [
        ['App', found.name],
        ['Kind', 'built in'],
        ['Status', 'running'],
      ],
    })
  const place = await cataloguePlace(cli, found?.name ?? word)
  const name = `${place.provider}/${place.app}`
  const params = { mesh: place.mesh, provider: place.provider, app: place.app }
  const releases = await callAgent(cli, AGENT_API.showReleases, { params }).then(
    answer => answer.releases.toSorted((a, b) => (isNewer(a.version, b.version) ? -1 : 1)),
    () => [] as ReleaseInfo[],
  )
  const installed = found?.installed
  const [newest] = releases
  if (installed === undefined && newest === undefined)
    throw new MeshError(
      'not-found',
      `Cannot describe app ${quote(word)}: neither installed nor published: see \`ztm get app\``,
    )
  await showThing(
    cli,
    { name, ...(installed && { installed }), releases },
    {
      name,
      fields: [
        ['App', name],
        ['Description', installed?.description ?? newest?.description],
        ["Publisher's key", installed?.publicKey ?? newest?.publicKey],
        ...(installed === undefined ? [['State', 'available'] as const] : installedFields(cli, installed)),
      ],
      below: releases.length === 0 ? '' : `\n${formatTable(releases, releaseColumns(cli), painter(cli))}`,
    },
  )
}

function installedFields(cli: Cli, app: InstalledInfo) {
  const {
    state,
    error,
    version,
    channel,
    previous,
    asks,
    hash,
    memoryMb,
    cpuPercent,
    restartCount,
    installedAtMs,
    pid,
  } = app
  return [
    ['Version', `${version} (${channel})`],
    ['State', state],
    ['Process', pid],
    ['Restarts', restartCount],
    ['Error', error],
    ['Installed', `${moment(installedAtMs)} (${ago(cli, installedAtMs)})`],
    ['Before', previous],
    ['May', asks.filter(({ isGranted }) => isGranted).map(({ says }) => says)],
    ['May not', asks.filter(({ isGranted }) => !isGranted).map(({ says }) => says)],
    ['Memory', `at most ${memoryMb} MiB`],
    ['Processor', `at most ${cpuPercent} % of a core`],
    ['Hash', hash],
  ] as const
}

const releaseColumns = (cli: Cli) => [
  { title: 'VERSION', cell: (one: ReleaseInfo) => one.version },
  { title: 'CHANNEL', cell: (one: ReleaseInfo) => one.channel },
  { title: 'SIZE', cell: (one: ReleaseInfo) => bytes(one.sizeBytes) },
  { title: 'PUBLISHED', cell: (one: ReleaseInfo) => ago(cli, one.publishedAtMs) },
  { title: 'STATE', cell: (one: ReleaseInfo) => (one.isWithdrawn ? 'taken back' : 'offered') },
]
