import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { ERRORS } from '../../core/model/errors.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { checkAgent, checkMeshes, checkPortMapping, checkTunnels } from '../doctor/agent-checks.ts'
import { checkComputer, checkService } from '../doctor/computer-checks.ts'
import { FAULTS, type Finding, stepMs } from '../doctor/faults.ts'
import { checkFolder } from '../doctor/folder-checks.ts'
import { checkLocalHub, checkRemoteHub, type RemoteHub } from '../doctor/hub-checks.ts'
import { checkPermit } from '../doctor/permit-checks.ts'
import { addExamples } from '../examples.ts'
import { painter, type Tone } from '../output/colors.ts'
import { print, printData } from '../output/show.ts'
import { padTo, visible } from '../output/text-width.ts'
import { plural } from '../output/words.ts'

/** `ztm doctor [--permit FILE]` */
export function defineDoctor(command: Command, cli: Cli): void {
  command
    .description(
      'Look for what is wrong with this computer, its agent and hub, and the way to the hubs of its meshes.\n\n' +
        'Each check that fails says what to do. Ends with 0 if none failed, else with the code of the first fault. --timeout is the time for each step (default: 4s).',
    )
    .option('-p, --permit <file>', 'look at a permit too: a file, - or a ztm:// link')
    .action(async ({ permit }: { permit?: string }) => {
      refuseEndpoint(cli, 'examine a computer')
      // Each step has its own end; a few that hang must not hide what the others find.
      cli.deadlineMs = undefined
      const findings = leaveOutEffects(await examine(cli, permit))
      await show(cli, findings)
      const [first] = findings.filter(({ state }) => state === 'failed')
      if (first?.fault !== undefined) cli.exitCode = ERRORS[FAULTS[first.fault].code].exit
    })
  addExamples(command, 'ztm doctor', 'ztm doctor --permit root.json', 'ztm doctor -o json')
}

/** All checks, causes before effects. */
async function examine(cli: Cli, permitWord: string | undefined): Promise<Finding[]> {
  const [folder, agent, hub] = await Promise.all([checkFolder(cli), checkAgent(cli), checkLocalHub(cli)])
  const meshes = agent.status?.meshes ?? []
  const permit = permitWord === undefined ? undefined : await checkPermit(cli, permitWord, meshes)
  const remotes = [...(permit?.hubs ?? []), ...(await hubsOf(cli, meshes))]
  const [computer, services, ways, joined, tunnels] = await Promise.all([
    checkComputer(cli, agent.status?.pid ?? hub.status?.pid),
    Promise.all([checkService(cli, 'agent'), checkService(cli, 'hub')]),
    Promise.all(unique(remotes).map(remote => checkRemoteHub(cli, remote))),
    agent.status === undefined ? [] : checkMeshes(cli, meshes),
    Promise.all(meshes.map(mesh => checkTunnels(cli, mesh))),
  ])
  return [
    ...folder,
    ...computer,
    ...services,
    ...hub.findings,
    ...agent.findings,
    ...(agent.status === undefined ? [] : checkPortMapping(agent.status)),
    ...(permit?.findings ?? []),
    ...ways.flat(),
    ...joined,
    ...tunnels.flat(),
  ]
}

/** The hubs of the meshes that are meant to be online. */
async function hubsOf(cli: Cli, meshes: readonly MeshInfo[]): Promise<RemoteHub[]> {
  const wanted = meshes.filter(({ state }) => state !== 'disabled')
  const details = await Promise.all(
    wanted.map(({ name }) =>
      callAgent(cli, AGENT_API.showMesh, { params: { mesh: name } }, { timeoutMs: stepMs(cli) }).catch(
        () => undefined,
      ),
    ),
  )
  return details.flatMap(mesh =>
    (mesh?.bootstraps ?? []).map(bootstrap => ({ bootstrap, rootPem: mesh?.ca ?? '' })),
  )
}

function unique(hubs: readonly RemoteHub[]): RemoteHub[] {
  return [...new Map(hubs.map(hub => [`${hub.bootstrap} ${hub.rootPem.trim()}`, hub])).values()]
}

/** A mesh that is offline because its hub cannot be reached is not a second fault. */
function leaveOutEffects(findings: readonly Finding[]): Finding[] {
  const hasCause = findings.some(({ state, fault }) => state === 'failed' && fault !== 'mesh-offline')
  return findings.filter(({ fault }) => fault !== 'mesh-offline' || !hasCause)
}

async function show(cli: Cli, findings: readonly Finding[]): Promise<void> {
  const { output } = cli.options
  if (output === 'json' || output === 'yaml') return printData(cli, findings)
  if (output === 'name')
    return print(cli, findings.flatMap(({ fault }) => (fault ? [`${fault}\n`] : [])).join(''))
  const paint = painter(cli)
  for (const { check, state, detail, remedy } of findings) {
    print(cli, `${paint(TONES[state], padTo(state, 7))}  ${visible(check)}: ${visible(detail)}\n`)
    if (remedy !== undefined) print(cli, `         ${visible(remedy)}\n`)
  }
  const count = (state: Finding['state']) => findings.filter(finding => finding.state === state).length
  const [failed, warnings] = [count('failed'), count('warning')]
  const verdict =
    failed + warnings === 0 ? 'all is well' : `${plural(failed, 'fault')}, ${plural(warnings, 'warning')}`
  print(cli, `${plural(findings.length, 'check')}: ${verdict}\n`)
}

const TONES: Readonly<Record<Finding['state'], Tone>> = {
  ok: 'good',
  warning: 'warning',
  failed: 'bad',
  skipped: 'quiet',
}
