// Loaded before anything else in each test process. tap follows every file that a test loads and every process that it
// starts, for the coverage that we do not ask of it. A gateway that is followed so takes twice as long to start, and is
// not what a user runs.
process.env.__TAPJS_PROCESSINFO_TESTING_NO_REGISTER__ = String(process.pid);
process.env._TAPJS_PROCESSINFO_EXCLUDE_ = '/./';
// How this file came to be loaded: the processes of a test have nothing to do with it.
delete process.env.NODE_OPTIONS;
