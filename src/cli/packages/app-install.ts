import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { InstallOffer } from '../../core/api/installed-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { createProgressBar } from '../output/progress-bar.ts'
import { print, remark, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { bytes } from '../output/words.ts'
import { type AppPlace, cataloguePlace, installedPlace, splitWish, stateText } from './app-place.ts'
import { askYesNo } from './ask.ts'

interface InstallWords {
  readonly yes?: true
  readonly grant?: readonly string[]
  readonly start?: boolean
  readonly acceptNewKey?: true
  readonly allowOlder?: true
}

/** `ztm install app PROVIDER/NAME[@VERSION|@CHANNEL]` */
export function defineInstallApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Install an app that somebody of the mesh published')
    .description(
      'Install an app that somebody of the mesh published, and start it. It is shown what the app asks for, and nothing ' +
        'that is not granted is given. The package comes from whoever has it, and is checked against the signature of its publisher.',
    )
    .argument('<published>', 'PROVIDER/NAME, and after @ a version, a range as ^1.2, or a channel')
    .option('--no-start', 'do not start it')
  addConsentOptions(inner)
  inner.action((word: string, words: InstallWords) => install(cli, word, words))
  addExamples(
    inner,
    'ztm install app alice/notes',
    'ztm install app alice/notes@beta --yes',
    'ztm install app alice/notes@1.2.0 --grant storage --grant network:example.com:443',
    'ztm ep office install app alice/notes --yes',
  )
}

/** `ztm download app PROVIDER/NAME[@VERSION|@CHANNEL]` */
export function defineDownloadApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Install an app, and do not start it')
    .argument('<published>', 'PROVIDER/NAME, and after @ a version, a range as ^1.2, or a channel')
  addConsentOptions(inner)
  inner.action((word: string, words: InstallWords) => install(cli, word, { ...words, start: false }))
  addExamples(inner, 'ztm download app alice/notes --yes')
}

/** `ztm update app NAME` */
export function defineUpdateApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Bring an installed app to the newest version of its channel')
    .description(
      'Bring an installed app to the newest version of its channel, or to the one after @. It keeps what it was granted; what the ' +
        'new version asks for beyond that is asked first. The version before is kept: `ztm rollback app`.',
    )
    .argument('<app>', 'which: [PROVIDER/]NAME, and after @ a version, a range or a channel')
  addConsentOptions(inner)
  inner.action((word: string, words: InstallWords) => update(cli, word, words))
  addExamples(
    inner,
    'ztm update app alice/notes',
    'ztm update app notes@beta',
    'ztm ep office update app notes --yes',
  )
}

function addConsentOptions(command: Command): void {
  command
    .option('-y, --yes', 'grant everything it asks for')
    .option('--grant <key...>', 'grant just these of what it asks for; `none` for nothing')
    .option('--accept-new-key', 'though it is signed with another key than at the first install')
    .option('--allow-older', 'though a higher version was installed before')
}

async function install(cli: Cli, word: string, words: InstallWords): Promise<void> {
  const { app, wish } = splitWish(word)
  const place = await cataloguePlace(cli, app)
  giveTime(cli)
  const params = { ...place }
  const query = { ...(wish !== undefined && { wish }) }
  const offer = await callAgent(cli, AGENT_API.offerInstall, { params, query })
  const grants = await consent(cli, offer, words)
  await put(cli, { place, wish, offer, grants, words, isStarted: words.start ?? true })
}

async function update(cli: Cli, word: string, words: InstallWords): Promise<void> {
  const { app, wish } = splitWish(word)
  const place = await installedPlace(cli, app)
  giveTime(cli)
  const params = { ...place }
  const query = { ...(wish !== undefined && { wish }) }
  const installed = await callAgent(cli, AGENT_API.showInstalled, { params })
  const offer = await callAgent(cli, AGENT_API.offerInstall, { params, query })
  const name = `${place.provider}/${place.app}`
  if (offer.release.hash === installed.hash)
    return report(cli, `App ${name} is up to date: ${installed.version}`, { name, data: installed })
  const grants = await consent(cli, offer, words)
  await put(cli, { place, wish, offer, grants, words, isStarted: installed.state !== 'stopped' })
}

/** Fetching takes its time. */
function giveTime(cli: Cli): void {
  if (cli.options.timeout === undefined) cli.deadlineMs = cli.world.clock.now() + INSTALL_TIMEOUT_MS
}

async function put(
  cli: Cli,
  terms: {
    place: AppPlace
    wish: string | undefined
    offer: InstallOffer
    grants: readonly string[]
    words: InstallWords
    isStarted: boolean
  },
): Promise<void> {
  const { place, wish, offer, grants, words, isStarted } = terms
  const { version, hash, sizeBytes } = offer.release
  const name = `${place.provider}/${place.app}`
  giveTime(cli)
  remark(cli, `Fetching ${name} ${version}, ${bytes(sizeBytes)} …`)
  const body = {
    ...(wish !== undefined && { wish }),
    hash,
    grants: [...grants],
    isNewKeyMeant: words.acceptNewKey ?? false,
    isOlderMeant: words.allowOlder ?? false,
    isStarted,
  }
  const installing = callAgent(cli, AGENT_API.installApp, { params: { ...place }, body })
  await showFetching(cli, place, installing)
  const installed = await installing
  const text = `App ${name} ${installed.version} is installed, and ${visible(stateText(installed))}`
  await report(cli, text, { name, data: installed })
  if (installed.state === 'failed') cli.exitCode = 1
}

/** Show how much was fetched, until it is installed, or is not. Where nobody looks, nothing is shown. */
async function showFetching(cli: Cli, place: AppPlace, installing: Promise<unknown>): Promise<void> {
  let isOver = false
  const end = () => {
    isOver = true
  }
  const over = installing.then(end, end)
  const bar = cli.world.stderr.isTerminal ? createProgressBar(cli, {}) : undefined
  try {
    do {
      // An agent that is older does not tell.
      const told = await callAgent(cli, AGENT_API.showInstallProgress, { params: { ...place } }).catch(
        () => {},
      )
      if (told !== undefined && told.sizeBytes > 0 && !isOver)
        bar?.show({ doneBytes: told.receivedBytes, totalBytes: told.sizeBytes, doneFiles: 0, totalFiles: 1 })
      await Promise.race([over, sleep(PROGRESS_MS)])
    } while (bar !== undefined && !isOver)
  } finally {
    bar?.clear()
  }
}

/**
 * Show what it asks for, and have it granted.
 *
 * @returns keys of what is granted
 * @throws MeshError `denied` if the answer is no, `bad-usage` where nobody can answer
 */
async function consent(cli: Cli, offer: InstallOffer, words: InstallWords): Promise<string[]> {
  const { asks } = offer
  const all = asks.map(({ key }) => key)
  const kept = asks.filter(({ isGranted }) => isGranted).map(({ key }) => key)
  if (words.yes === true) return all
  if (words.grant !== undefined) return [...new Set([...kept, ...words.grant.filter(key => key !== 'none')])]
  const fresh = asks.filter(({ isGranted }) => !isGranted)
  // What was consented to before was consented to; and one that asks for nothing new needs nobody's leave.
  if (fresh.length === 0 && (offer.installed !== undefined || asks.length === 0)) return all
  showOffer(cli, offer)
  const isYes = await askYesNo(cli, 'Install it, and grant this?')
  if (isYes === true) return all
  if (isYes === false)
    throw new MeshError('denied', 'Cannot install app: you did not consent: nothing was changed')
  throw new MeshError(
    'bad-usage',
    'Cannot install app: nobody is here to consent: use --yes for all it asks for, or --grant KEY for some',
  )
}

function showOffer(cli: Cli, { release, asks, installed }: InstallOffer): void {
  const { provider, name, version, channel, description, publicKey } = release
  const lines = [
    `${provider}/${name} ${version} (${channel})${description === '' ? '' : `: ${visible(description)}`}`,
    `Publisher's key: ${publicKey}${installed === undefined ? ' (remembered from now on)' : ''}`,
    'It asks to:',
    ...asks.map(({ key, says, isSensitive, isGranted }) => {
      const mark = isGranted ? ' ' : isSensitive ? '!' : '+'
      return `  ${mark} ${visible(says)}  [${visible(key)}]`
    }),
  ]
  if (cli.options.output === 'table' && cli.world.stdout.isTerminal) print(cli, `${lines.join('\n')}\n`)
  else cli.world.stderr.write(`${lines.join('\n')}\n`)
}

const PROGRESS_MS = 250
const INSTALL_TIMEOUT_MS = 300_000
