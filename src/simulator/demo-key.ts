/** The key of the demo world, apart from it: who signs with the key need not have the world in memory. */

/** The only one that the demo world knows. It opens nothing anywhere else. */
export const demoKey = { accessKeyId: 'AKDEMO', secretAccessKey: 'pretend-secret-key' };
