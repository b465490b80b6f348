import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, pathOf, refuseEndpoint, selectionOf } from '../context.ts'
import { addExamples } from '../examples.ts'
import { choosePlace } from '../mesh-choice.ts'
import { print, report, showThing } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { openSecret, readInput } from '../read-input.ts'
import { cataloguePlace, splitWish } from './app-place.ts'

interface PublishWords {
  readonly channel: string
  readonly release?: string
  readonly users?: string[]
  readonly groups?: string[]
  readonly newKey?: true
}

/** `ztm publish app DIR` */
export function definePublishApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Publish the app in a folder to the mesh')
    .description(
      "Publish the app in a folder to the mesh, under your name: signed with the publisher's key of this computer, which is made the " +
        'first time. With --ep it is a folder, and the key, of that endpoint.',
    )
    .argument('<folder>', 'the folder with app.json')
    .option('--channel <channel>', 'the line of versions it goes to', 'stable')
    .option('--release <version>', 'refuse to publish if app.json says another')
    .option('--users <user...>', 'only these users may see and install it')
    .option('--groups <group...>', 'and members of these groups')
    .option('--new-key', "though earlier versions were signed with another publisher's key")
    .action((folder: string, words: PublishWords) => publish(cli, folder, words))
  addExamples(
    inner,
    'ztm publish app ./notes',
    'ztm publish app ./notes --channel beta',
    'ztm publish app ./notes --users bob carol --groups ops',
  )
}

async function publish(cli: Cli, folder: string, words: PublishWords): Promise<void> {
  const { mesh, endpoint } = await choosePlace(cli)
  const { channel, release: version, users, groups } = words
  const isForAll = users === undefined && groups === undefined
  const body = {
    folder: selectionOf(cli).endpoint === undefined ? pathOf(cli, folder) : folder,
    channel,
    ...(version !== undefined && { version }),
    users: isForAll ? ['*'] : (users ?? []),
    groups: groups ?? [],
    isNewKey: words.newKey ?? false,
  }
  const params = { mesh: mesh.name, endpoint }
  const release = await callAgent(cli, AGENT_API.publishApp, { params, body })
  const name = `${release.provider}/${release.name}`
  const text = `Published ${name} ${release.version} in channel ${release.channel}: others install it with \`ztm install app ${name}\``
  await report(cli, text, { name, data: release })
}

/** `ztm unpublish app NAME[@VERSION|@CHANNEL]` */
export function defineUnpublishApp(command: Command, cli: Cli): void {
  const inner = command
    .command('app')
    .summary('Take back what was published')
    .description(
      'Take back releases of an app: nobody installs them any more. Where it is installed it stays. Versions that were taken back are ' +
        'never used again. An administrator may take back those of others.',
    )
    .argument('<app>', '[PROVIDER/]NAME, and after @ a version or a channel; else all of it')
    .action(async (word: string) => {
      const { app, wish } = splitWish(word)
      const place = await cataloguePlace(cli, app)
      const isVersion = wish !== undefined && /^\d/.test(wish)
      const query = wish === undefined ? {} : isVersion ? { version: wish } : { channel: wish }
      const { count } = await callAgent(cli, AGENT_API.unpublishApp, { params: { ...place }, query })
      const name = `${place.provider}/${place.app}`
      await report(cli, `Took back ${count === 1 ? '1 release' : `${count} releases`} of ${name}`, {
        name,
        data: { app: name, count },
      })
    })
  addExamples(
    inner,
    'ztm unpublish app notes@1.2.0',
    'ztm unpublish app notes@beta',
    'ztm unpublish app bob/game',
  )
}

/** `ztm publisher [export|import]` */
export function definePublisher(command: Command, cli: Cli): void {
  command
    .description(
      'The key that signs what is published from this computer. It is made when something is published first. Whoever installs knows apps by it: keep a copy, and bring it to a second computer you publish from.',
    )
    .action(() => show(cli))
  const exported = command
    .command('export')
    .summary("Write the publisher's private key to a file (mode 0600), `-` for standard output")
    .argument('<file>', 'where to')
    .action(async (file: string) => {
      refuseEndpoint(cli, "export the publisher's key")
      await using place = await openSecret(cli, file === '-' ? undefined : file, "publisher's key")
      const { privateKey } = await callAgent(cli, AGENT_API.exportPublisher, {})
      if (file === '-') return print(cli, privateKey)
      await place?.write(privateKey)
      await report(cli, `Publisher's private key written to ${visible(file)}: keep it secret`, {
        name: file,
        data: { file },
      })
    })
  addExamples(exported, 'ztm publisher export publisher.pem')
  const imported = command
    .command('import')
    .summary("Sign with a publisher's key of another computer from now on")
    .argument('<file>', 'what `ztm publisher export` wrote; `-` for standard input')
    .option('--replace', 'also where this computer has a key of its own, which is then gone')
    .action(async (file: string, { replace = false }: { replace?: boolean }) => {
      refuseEndpoint(cli, "import a publisher's key")
      const privateKey = await readInput(cli, file, "publisher's key")
      const body = { privateKey, isReplacing: replace }
      const { publicKey } = await callAgent(cli, AGENT_API.importPublisher, { body })
      await report(cli, `Publisher's key is ${publicKey} now`, { name: publicKey, data: { publicKey } })
    })
  addExamples(imported, 'ztm publisher import publisher.pem')
  addExamples(command, 'ztm publisher', 'ztm publisher export publisher.pem')
}

async function show(cli: Cli): Promise<void> {
  refuseEndpoint(cli, "show the publisher's key")
  const { publicKey } = await callAgent(cli, AGENT_API.showPublisher, {})
  const fields = [['Public key', publicKey ?? 'none yet: one is made when something is published']] as const
  await showThing(cli, { publicKey: publicKey ?? null }, { name: publicKey ?? '', fields })
}
