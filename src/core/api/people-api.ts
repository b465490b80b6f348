import { z } from 'zod'
import { defineRoute } from './route.ts'
import {
  endpointIdShape,
  groupShape,
  invitationShape,
  msShape,
  nameShape,
  userInfoShape,
  userShape,
} from './shapes.ts'

/** Endpoints that one call asks about. */
export const MAX_REVIEWED_ENDPOINTS = 1_000
/** Users that one call may put into a group, or take out of it. */
const MAX_USERS_AT_ONCE = 1_000
const usersShape = z.array(userShape).max(MAX_USERS_AT_ONCE).default([])
const labelsShape = z.array(nameShape).max(32).default([])

const groupParams = z.object({ group: nameShape })
const newGroupShape = z.strictObject({ name: nameShape, users: usersShape, labels: labelsShape })
const groupUpdateShape = z.strictObject({
  /** What it is called from now on; rules that have the old name fit nobody then. */
  name: nameShape.optional(),
  addUsers: usersShape,
  removeUsers: usersShape,
  addLabels: labelsShape,
  removeLabels: labelsShape,
})
const groupListShape = z.object({ groups: z.array(groupShape) })
const meshParams = z.object({ mesh: nameShape })

const userParams = z.object({ user: userShape })
const userQuery = z.object({
  /** Part of a name, in any case. */
  keyword: z.string().max(64).optional(),
  /** All if absent. */
  limit: z.coerce.number().int().min(1).max(1_000).optional(),
  offset: z.coerce.number().int().min(0).default(0),
})
const userListShape = z.object({
  users: z.array(userInfoShape),
  /** How many fit; absent from an older controller, which gives all. */
  total: z.int().optional(),
})
/** A user in full. */
const userDetailShape = userInfoShape.extend({
  /** Who made an administrator of them, and when; absent for root, and for plain members. */
  admin: z.object({ by: userShape, sinceMs: msShape }).optional(),
  /** Those that can still be used; absent for who may not see them. */
  invitations: z.array(invitationShape).optional(),
})
/** A user in full. */
export type UserDetail = z.output<typeof userDetailShape>
const userUpdateShape = z.strictObject({ role: z.enum(['admin', 'member']) })

/** The routes of users and groups, at the controller. */
export const PEOPLE_ROUTES = {
  listUsers: defineRoute({
    method: 'GET',
    path: '/api/users',
    summary: 'List users by name, some of them if that is asked for',
    query: userQuery,
    response: userListShape,
  }),
  showUser: defineRoute({
    method: 'GET',
    path: '/api/users/{user}',
    summary: 'Show a user; to administrators with the invitations that are open',
    params: userParams,
    response: userDetailShape,
    errors: ['not-found'],
  }),
  updateUser: defineRoute({
    method: 'PATCH',
    path: '/api/users/{user}',
    summary: 'Make an administrator, or a plain member, of a user (administrators); root stays what it is',
    params: userParams,
    body: userUpdateShape,
    response: userDetailShape,
    errors: ['denied', 'not-found', 'too-many'],
  }),
  listGroups: defineRoute({
    method: 'GET',
    path: '/api/groups',
    summary: 'List groups and who is in them',
    query: z.object({ user: userShape.optional() }),
    response: groupListShape,
  }),
  showGroup: defineRoute({
    method: 'GET',
    path: '/api/groups/{group}',
    summary: 'Show a group',
    params: groupParams,
    response: groupShape,
    errors: ['not-found'],
  }),
  reviewGroups: defineRoute({
    method: 'POST',
    path: '/api/groups/review',
    summary:
      'Ask which groups some endpoints are in now, as a host does whose link was away; of one that is gone, none',
    body: z.strictObject({ endpoints: z.array(endpointIdShape).min(1).max(MAX_REVIEWED_ENDPOINTS) }),
    /** In the order of the question. */
    response: z.object({ groups: z.array(z.array(nameShape)) }),
  }),
  createGroup: defineRoute({
    method: 'POST',
    path: '/api/groups',
    summary: 'Make a group (administrators)',
    body: newGroupShape,
    response: groupShape,
    errors: ['denied', 'name-taken', 'not-found', 'too-many'],
  }),
  updateGroup: defineRoute({
    method: 'PATCH',
    path: '/api/groups/{group}',
    summary: 'Put users into a group, take them out, rename it (administrators); streams that it let in end',
    params: groupParams,
    body: groupUpdateShape,
    response: groupShape,
    errors: ['denied', 'not-found', 'name-taken', 'too-many'],
  }),
  deleteGroup: defineRoute({
    method: 'DELETE',
    path: '/api/groups/{group}',
    summary: 'Delete a group (administrators); streams that it let in end',
    params: groupParams,
    errors: ['denied', 'not-found'],
  }),
} as const

/** The routes of users and groups, at the agent. */
export const AGENT_PEOPLE_ROUTES = {
  listUsers: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/users',
    summary: 'List users by name, some of them if that is asked for',
    params: meshParams,
    query: userQuery,
    response: userListShape,
    errors: ['not-joined', 'offline'],
  }),
  showUser: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/users/{user}',
    summary: 'Show a user; to administrators with the invitations that are open',
    params: meshParams.extend(userParams.shape),
    response: userDetailShape,
    errors: ['not-joined', 'not-found', 'offline'],
  }),
  updateUser: defineRoute({
    method: 'PATCH',
    path: '/api/meshes/{mesh}/users/{user}',
    summary: 'Make an administrator, or a plain member, of a user (administrators)',
    params: meshParams.extend(userParams.shape),
    body: userUpdateShape,
    response: userDetailShape,
    errors: ['not-joined', 'denied', 'not-found', 'too-many', 'offline'],
  }),
  listGroups: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/groups',
    summary: 'List groups and who is in them',
    params: meshParams,
    query: z.object({ user: userShape.optional() }),
    response: groupListShape,
    errors: ['not-joined', 'offline'],
  }),
  showGroup: defineRoute({
    method: 'GET',
    path: '/api/meshes/{mesh}/groups/{group}',
    summary: 'Show a group',
    params: meshParams.extend(groupParams.shape),
    response: groupShape,
    errors: ['not-joined', 'not-found', 'offline'],
  }),
  createGroup: defineRoute({
    method: 'POST',
    path: '/api/meshes/{mesh}/groups',
    summary: 'Make a group (administrators)',
    params: meshParams,
    body: newGroupShape,
    response: groupShape,
    errors: ['not-joined', 'denied', 'name-taken', 'not-found', 'too-many', 'offline'],
  }),
  updateGroup: defineRoute({
    method: 'PATCH',
    path: '/api/meshes/{mesh}/groups/{group}',
    summary: 'Put users into a group, take them out, rename it (administrators)',
    params: meshParams.extend(groupParams.shape),
    body: groupUpdateShape,
    response: groupShape,
    errors: ['not-joined', 'denied', 'not-found', 'name-taken', 'too-many', 'offline'],
  }),
  deleteGroup: defineRoute({
    method: 'DELETE',
    path: '/api/meshes/{mesh}/groups/{group}',
    summary: 'Delete a group (administrators)',
    params: meshParams.extend(groupParams.shape),
    errors: ['not-joined', 'denied', 'not-found', 'offline'],
  }),
} as const
