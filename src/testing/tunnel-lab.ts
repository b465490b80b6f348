import { createProcessMesh, type ProcessMesh, type ProcessMeshOptions } from './process-mesh.ts'

/** A hub and two joined agents: `home` hosts, `work` dials. */
export interface TunnelLab extends ProcessMesh {
  /** Open both ends of a tunnel. @returns the port on loopback at `work` */
  tunnel(name: string, ...targets: string[]): Promise<number>
}

/** Start the hub and both agents. */
export async function createTunnelLab(
  options: ProcessMeshOptions & { hubArgs?: readonly string[]; agentArgs?: readonly string[] } = {},
): Promise<TunnelLab> {
  const mesh = await createProcessMesh(options)
  try {
    await mesh.startHub({ args: options.hubArgs ?? [] })
    await Promise.all(
      ['home', 'work'].map(async name => {
        await mesh.startAgent(name, { args: options.agentArgs ?? [] })
        await mesh.run(name, 'join', 'home', '--as', name, '--permit', mesh.permit)
      }),
    )
  } catch (error) {
    await mesh[Symbol.asyncDispose]()
    throw error
  }
  return Object.assign(mesh, {
    async tunnel(name: string, ...targets: string[]) {
      await mesh.run('home', 'tunnel', 'open', 'outbound', name, '--targets', ...targets)
      await mesh.run('work', 'tunnel', 'open', 'inbound', name, '--listen', '127.0.0.1:0')
      return inboundPort(mesh, 'work', name)
    },
  })
}

/** The port an inbound listens on. */
export async function inboundPort(mesh: ProcessMesh, data: string, name: string): Promise<number> {
  const inbound = (await mesh.json(data, 'tunnel', 'describe', 'inbound', name)) as {
    listens: { port: number }[]
  }
  const port = inbound.listens[0]?.port
  if (!port) throw new Error(`inbound ${name} has no port: ${JSON.stringify(inbound)}`)
  return port
}
