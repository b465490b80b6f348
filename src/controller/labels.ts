import { MeshError } from '../core/model/errors.ts'
import type { Name } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'

/** The labels of an endpoint: all of them, and those that an administrator gave. */
export interface Labels {
  readonly labels: Name[]
  readonly givenLabels: Name[]
}

/** Labels that were given, then others, each once; there is room for `MAX_LABELS`. */
export function joinLabels(given: readonly Name[], others: readonly Name[]): Labels {
  const givenLabels = [...new Set(given)].slice(0, MAX_LABELS)
  return { labels: [...new Set([...givenLabels, ...others])].slice(0, MAX_LABELS), givenLabels }
}

/**
 * The labels of an endpoint after somebody set them anew.
 *
 * @param wish  `givenLabels` absent where who asks does not speak of them
 * @throws MeshError `denied` for a plain user who takes off what an administrator gave, or gives some;
 *   `bad-input` where labels are given that are not among all
 */
export function changeLabels(
  known: { readonly labels: readonly Name[]; readonly givenLabels?: readonly Name[] | undefined },
  wish: { readonly labels: readonly Name[]; readonly givenLabels?: readonly Name[] | undefined },
  isAdmin: boolean,
): Labels {
  const before = known.givenLabels ?? []
  const labels = [...new Set(wish.labels)]
  if (!isAdmin) {
    const taken = before.find(label => !labels.includes(label))
    if (taken !== undefined) {
      throw new MeshError(
        'denied',
        `Cannot take off label ${quote(taken)}: an administrator gave it: ask one`,
      )
    }
    const given = wish.givenLabels?.find(label => !before.includes(label))
    if (given !== undefined) {
      throw new MeshError('denied', `Cannot give label ${quote(given)}: only administrators may: ask one`)
    }
    return { labels, givenLabels: [...before] }
  }
  const stray = wish.givenLabels?.find(label => !labels.includes(label))
  if (stray !== undefined) {
    throw new MeshError('bad-input', `Cannot give label ${quote(stray)}: it is not among the labels: add it`)
  }
  // What its user put on is not given by an administrator who adds another.
  const isGiven = (label: Name) => before.includes(label) || !known.labels.includes(label)
  return { labels, givenLabels: [...new Set(wish.givenLabels ?? labels.filter(isGiven))] }
}

/** Labels of an endpoint. */
export const MAX_LABELS = 32
