//! Whole flows over real sockets, against servers that this project did not write.

mod api;
