import type { EdgeClient } from './edge-client.ts'
import { bodyOf, type IdOf, SECTION_KINDS } from './network-entities.ts'
import type { PlanStep } from './network-plan.ts'

/**
 * Does the steps of a plan, one after the other.
 *
 * @param network  the name of the network, which marks what is made
 * @returns does one step; throws MeshError as the controller
 */
export function createPerformer(edge: EdgeClient, network: string): (step: PlanStep) => Promise<void> {
  const idOf = createIdFinder(edge)
  return async step => {
    const kind = SECTION_KINDS[step.section]
    if (step.do === 'delete') return edge.delete(kind, step.id)
    if (step.do === 'create') {
      await edge.create(kind, await bodyOf(step.section, step.item, network, idOf))
    } else {
      const mark = step.isOurs ? network : undefined
      await edge.patch(kind, step.id, await bodyOf(step.section, step.item, mark, idOf))
    }
  }
}

/** Names are looked up once, when they are needed: what they stand for may have been made just before. */
function createIdFinder(edge: EdgeClient): IdOf {
  const found = new Map<string, Promise<string>>()
  return (kind, name) => {
    const key = `${kind} ${name}`
    const id = found.get(key) ?? edge.find(kind, name).then(entity => entity.id)
    found.set(key, id)
    return id
  }
}
