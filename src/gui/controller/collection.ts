import type { EdgeKind } from '../../core/edge/edge-kinds.ts'
import type { Entity, Json } from '../../core/edge/entity-members.ts'
import type { TextKey } from '../texts/en.ts'

/** How a column shows what it finds. */
export type ColumnKind = 'text' | 'texts' | 'roles' | 'when' | 'yes'

/** A column of a list of entities, as data. */
export interface EntityColumn {
  readonly title: TextKey
  readonly show: ColumnKind
  /** The first of these members that is there. */
  readonly of: readonly string[]
}

/** What stands in a state column: a word, and how good it is. */
export interface EntityState {
  readonly text: TextKey
  readonly mood: 'well' | 'waiting' | 'resting' | 'ill'
}

/** How a member of an entity is asked for. */
export type FieldKind =
  | { readonly is: 'text' }
  | { readonly is: 'pem' }
  | { readonly is: 'json' }
  | { readonly is: 'switch' }
  | { readonly is: 'texts' }
  | { readonly is: 'config' }
  | { readonly is: 'count'; readonly min: number; readonly max: number }
  | { readonly is: 'choice'; readonly choices: readonly string[] }
  /** Role attributes of its own. */
  | { readonly is: 'attributes'; readonly kind: TaggedKind }
  /** Roles that select others. */
  | { readonly is: 'roles'; readonly kind: TaggedKind }
  /** Another entity, or several, by id. */
  | { readonly is: 'one' | 'several'; readonly kind: EdgeKind }

/** Kinds whose entities have role attributes. */
export type TaggedKind = 'identity' | 'service' | 'edge-router'

/** A member of an entity that people set, and the option of the command line that sets it. */
export type Field = FieldKind & {
  /** Where it goes: `primary.updb.maxAttempts`. */
  readonly member: string
  /** Where it is read from an entity, if that is elsewhere. */
  readonly from?: string
  readonly label: TextKey
  /** Absent for a member that only `--set` sets. */
  readonly flag?: string
  /** For a switch that is off. */
  readonly offFlag?: string
  readonly isRequired?: true
  /** It is chosen once, when the entity is made. */
  readonly isLasting?: true
}

/** Others that belong to an entity. */
export interface Related {
  readonly title: TextKey
  readonly kind: EdgeKind
  /** Their list, below the management API. */
  readonly path?: (id: string) => string
  readonly filter?: (id: string) => string
}

/** All the page knows of a kind of entity. The parts that show, search, make and change them are alike for all. */
export interface Collection {
  readonly kind: EdgeKind
  readonly title: TextKey
  /** What it is, for who has not met it. */
  readonly about: TextKey
  readonly columns: readonly EntityColumn[]
  readonly state?: (entity: Entity) => EntityState | undefined
  /** Members that a search looks into. */
  readonly searched: readonly string[]
  /** Absent for what nobody makes or changes here. */
  readonly form?: {
    /** Nobody makes one: it is there by itself. */
    readonly isChangeOnly?: true
    /** What a new one has besides what its fields say. */
    readonly base: Readonly<Record<string, Json>>
    readonly fields: readonly Field[]
    /** What is as it is, and cannot be changed. */
    readonly isFixed?: (entity: Entity) => boolean
  }
  readonly related: readonly Related[]
  /** What to ask before one is deleted. */
  readonly deleteAsk: TextKey
  /** The word of the button, where it is another than that. */
  readonly deleteWord?: TextKey
  /** They have no name, so the list is in the order of the controller. */
  readonly isNameless?: true
}
