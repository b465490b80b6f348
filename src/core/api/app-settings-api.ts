import { z } from 'zod'
import { defineRoute } from './route.ts'
import { accessShape } from './shapes.ts'

/** What the person at an endpoint has set for an app from elsewhere. A value that is `null` in a change is unset. */
export const appSettingsShape = z.strictObject({
  /** What the app reads by `host.settings()`. */
  values: z
    .record(z.string().min(1).max(64), z.union([z.string().max(4_096), z.number(), z.boolean(), z.null()]))
    .refine(values => Object.keys(values).length <= 100, 'at most 100 values')
    .optional(),
  /** Who besides the user's own endpoints may open streams to the app. */
  access: accessShape.pick({ users: true, groups: true }).partial().optional(),
})
/** What the person at an endpoint has set for an app from elsewhere. */
export type AppSettingsInfo = z.output<typeof appSettingsShape>

/** Where the agent answers instead of the app, below the app's own root. */
export const SETTINGS_PATH = '/.settings'

/** The routes below every app from elsewhere that the agent answers itself. */
export const APP_SETTINGS_API = {
  showSettings: defineRoute({
    method: 'GET',
    path: SETTINGS_PATH,
    summary: 'Show what is set for an app, and who may reach it',
    response: appSettingsShape,
    errors: ['not-found', 'offline'],
  }),
  changeSettings: defineRoute({
    method: 'PUT',
    path: SETTINGS_PATH,
    summary: 'Set values for an app, or who may reach it',
    body: appSettingsShape,
    response: appSettingsShape,
    errors: ['not-found', 'offline'],
  }),
}
