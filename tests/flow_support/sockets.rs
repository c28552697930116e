//! A flow over real sockets: simulator and session as they run, and time as it passes. Gaps are shortened.
