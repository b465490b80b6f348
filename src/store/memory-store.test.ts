import { storeContract } from '../testing/contracts/store-contract.ts'
import { createMemoryStore } from './memory-store.ts'

storeContract('memory', async () => {
  const store = createMemoryStore()
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
})
