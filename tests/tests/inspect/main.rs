//! Looking into a service: its page, its log, what it does at this moment, and what the machine lacks.

mod describe;
mod doctor;
mod logs;
mod program;
mod top;
