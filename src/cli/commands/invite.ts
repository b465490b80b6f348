import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { formatSpan, type Ms } from '../../core/model/time.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { addExamples } from '../examples.ts'
import { parseSpanOption } from '../global-options.ts'
import { choosePlace } from '../mesh-choice.ts'
import { print, remark, report } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { openSecret, readInput } from '../read-input.ts'

interface InviteOptions {
  readonly identity?: string
  readonly permit?: string
  readonly expires?: Ms
  readonly label?: readonly string[]
}

/** `ztm invite USER` */
export function defineInvite(command: Command, cli: Cli): void {
  command
    .argument('<user>', 'who is invited')
    .description(
      'Make a one-time permit for a user (administrators).\n\n' +
        'Without --permit it is printed as JSON on standard output, and the link on standard error. The ztm:// link and the QR code are the same permit in another form: ' +
        'whoever holds one of them first can use it, unless it is bound to a key.',
    )
    .option(
      '-i, --identity <file>',
      'bind it to the computer with this public key (`ztm identity`); - for standard input',
    )
    .option('-p, --permit <file>', 'write the permit to a file (mode 0600)')
    .option('--expires <span>', 'how long it can be used, as 1h or 7d (default: 24h)', parseSpanOption)
    .option('--label <label...>', 'labels the endpoint will have')
    .action((user: string, options: InviteOptions) => invite(cli, user, options))
  addExamples(
    command,
    'ztm invite bob --permit bob.json',
    'ztm invite bob --identity bob.pem --permit bob.json --expires 7d',
    'ztm invite bob --label phone > bob.json',
  )
}

async function invite(cli: Cli, user: string, options: InviteOptions): Promise<void> {
  const { mesh } = await choosePlace(cli)
  const identity =
    options.identity === undefined ? undefined : await readInput(cli, options.identity, 'identity')
  await using file = await openSecret(cli, options.permit, 'permit')
  const made = await callAgent(cli, AGENT_API.invite, {
    params: { mesh: mesh.name, user },
    body: {
      labels: [...(options.label ?? [])],
      ...(identity !== undefined && { identity: identity.trimStart() }),
      ...(options.expires !== undefined && { validMs: options.expires }),
    },
  })
  await file?.write(made.permit)
  if (cli.options.output !== 'table') return report(cli, '', { name: made.link, data: made })
  if (options.permit === undefined) {
    print(cli, `${made.permit.trimEnd()}\n`)
    // Beside it, so that `> bob.json` has the permit alone.
    remark(cli, await describeLink(cli, made, cli.world.stderr.isTerminal))
  } else if (!cli.options.quiet) {
    print(cli, `Permit for ${user} written to ${visible(options.permit)}\n`)
    print(cli, `${await describeLink(cli, made, cli.world.stdout.isTerminal)}\n`)
  }
}

/** The link, how long it is good, and on a terminal the QR code to point a phone at. */
async function describeLink(
  cli: Cli,
  { link, invitation }: Answer<typeof AGENT_API.invite>,
  hasQrCode: boolean,
): Promise<string> {
  const left = formatSpan(invitation.expiresAtMs - cli.world.clock.now())
  const lines = [
    `Link: ${visible(link)}`,
    `Good once, for ${left}; take it back with \`ztm delete invitation ${visible(invitation.id)}\``,
  ]
  if (hasQrCode) {
    const { renderUnicodeCompact } = await import('uqr')
    lines.push(renderUnicodeCompact(link, { border: 2 }))
  }
  return lines.join('\n')
}
