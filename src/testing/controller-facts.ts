import type { ControllerRig, Member } from './controller-rig.ts'

/** All that an administrator can see of a mesh, in a fixed order, but who is online. */
export async function factsOf(rig: ControllerRig, root: Member) {
  const { endpoints } = await rig.ask('listEndpoints', root.caller, { query: { limit: 1_000 } })
  const { services } = await rig.ask('listServices', root.caller)
  const { invitations } = await rig.ask('listInvitations', root.caller)
  const { evictions } = await rig.ask('listEvictions', root.caller)
  const { users } = await rig.ask('listUsers', root.caller)
  const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  return {
    endpoints,
    services: services
      .map(({ name, owner, hostings }) => ({
        name,
        owner,
        hostings: hostings.map(({ endpoint, access }) => ({ endpoint, access })).sort(byText),
      }))
      .sort(byText),
    invitations: [...invitations].sort(byText),
    evictions: [...evictions].sort(byText),
    users,
    permit: await rig.controller.rootPermit(),
  }
}
