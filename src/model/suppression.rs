//! Addresses that must not be used: each reason is a fact of its own, with an end of its own.

use super::{Address, Channel, ConsentEvidence, ProviderName, Timestamp};

/// Why an address must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuppressionReason {
    /// The provider says that the address does not exist or takes no messages.
    BadAddress,
    /// The person opted out: by a text to us, at the provider, or by blocking us.
    OptedOut,
    /// The person complained.
    Complaint,
    /// An operator or the brand asked for it.
    Manual,
}

impl SuppressionReason {
    /// Every reason there is.
    pub const ALL: [Self; 4] = [Self::BadAddress, Self::OptedOut, Self::Complaint, Self::Manual];

    /// A stable word for the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::OptedOut => "opted_out",
            Self::Complaint => "complaint",
            Self::Manual => "manual",
        }
    }
}

/// A reason for which no message of any class may go to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: Address,
    /// Why.
    pub reason: SuppressionReason,
    /// What was seen.
    pub explanation: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it happened last, as far as it was told, and never after it was told.
    pub last_reported_at: Timestamp,
    /// The provider that reported it, or the id of the key that set it.
    pub recorded_by: String,
}

impl Suppression {
    /// Whether this is the same fact as `other`. A person can take back at a provider only what they said to it, so opt-outs that
    /// different providers told are different facts.
    fn is_same_fact(&self, other: &Self) -> bool {
        let told_by_same = self.recorded_by == other.recorded_by;
        self.reason == other.reason && (self.reason != SuppressionReason::OptedOut || told_by_same)
    }
}

/// How a suppression ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionLift {
    /// When.
    pub at: Timestamp,
    /// The id of the key that lifted it, or the provider through which the person did.
    pub recorded_by: String,
    /// Why, and how we know.
    pub evidence: ConsentEvidence,
}

/// A suppression that has ended. It suppresses nothing, and is kept as proof that it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiftedSuppression {
    /// What ended.
    pub suppression: Suppression,
    /// How.
    pub lift: SuppressionLift,
}

/// Why suppressions are not lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiftRefusal {
    /// Only the person ends their own opt-out.
    OptOut,
    /// These reasons do not stand.
    NotInForce(Vec<SuppressionReason>),
    /// Whoever complained must have agreed anew, and the evidence is not from after the complaint.
    OlderThanComplaint {
        /// When the complaint was told last.
        complained_at: Timestamp,
    },
}

/// All suppressions of one address on one channel of a brand. The address is free when none is in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressSuppressions {
    /// Those that stand: at most one for each fact, in the order of their reasons, then of who told them.
    in_force: Vec<Suppression>,
    /// Those that were lifted: the last one of each fact.
    lifted: Vec<LiftedSuppression>,
}

impl AddressSuppressions {
    /// These, as they were stored.
    pub fn new(in_force: Vec<Suppression>, lifted: Vec<LiftedSuppression>) -> Self {
        Self { in_force, lifted }
    }

    /// Those that stand, in the order of their reasons, then of who told them.
    pub fn in_force(&self) -> &[Suppression] {
        &self.in_force
    }

    /// Those that were lifted: the last one of each reason.
    pub fn lifted(&self) -> &[LiftedSuppression] {
        &self.lifted
    }

    /// The channel and the address, in a spelling that was told; `None` when there is nothing.
    pub fn target(&self) -> Option<(Channel, &Address)> {
        let lifted = self.lifted.iter().map(|lifted| &lifted.suppression);
        self.in_force.iter().chain(lifted).next().map(|known| (known.channel, &known.address))
    }

    /// These, with the address in this spelling.
    pub fn spelled(mut self, address: &Address) -> Self {
        let lifted = self.lifted.iter_mut().map(|lifted| &mut lifted.suppression);
        self.in_force.iter_mut().chain(lifted).for_each(|known| known.address.clone_from(address));
        self
    }

    /// These and `other`, which were taken for those of another address. The first report of a reason stays, and its last end.
    pub fn merged(self, other: Self) -> Self {
        let mut all = Self::default();
        let mut in_force = [self.in_force, other.in_force].concat();
        in_force.sort_by_key(|known| known.created_at);
        for suppression in in_force {
            all.add(suppression);
        }
        let mut lifted = [self.lifted, other.lifted].concat();
        lifted.sort_by_key(|lifted| lifted.lift.at);
        for ended in lifted {
            all.keep_lifted(ended);
        }
        all
    }

    /// Adds a suppression, and returns the one that stands for its reason: the first report stays, with its time and its words.
    /// That something happened again is dated; what somebody asks for by hand again is the same as before.
    pub fn add(&mut self, new: Suppression) -> Suppression {
        if let Some(first) = self.in_force.iter_mut().find(|known| known.is_same_fact(&new)) {
            if new.reason != SuppressionReason::Manual {
                first.last_reported_at = first.last_reported_at.max(new.last_reported_at);
            }
            return first.clone();
        }
        self.in_force.push(new.clone());
        self.in_force.sort_by(|a, b| (a.reason, &a.recorded_by).cmp(&(b.reason, &b.recorded_by)));
        new
    }

    /// Lifts what stands for these reasons at somebody's word, all of them or none, and returns what was lifted.
    ///
    /// # Errors
    /// When one of them must stay: the first of the rules that applies, in the order of [`LiftRefusal`].
    pub fn lift(
        &mut self,
        reasons: &[SuppressionReason],
        lift: &SuppressionLift,
    ) -> Result<Vec<LiftedSuppression>, LiftRefusal> {
        self.check_lift(reasons, lift)?;
        Ok(self.lift_each(|known| reasons.contains(&known.reason), lift))
    }

    /// Lifts the person's own opt-outs at their word, and returns what was lifted. A provider to which they took it back
    /// ends only what it told; `None` ends all. What they said after that word stands, in whatever order the two arrived.
    pub fn lift_opt_outs(
        &mut self,
        told_by: Option<&ProviderName>,
        lift: &SuppressionLift,
    ) -> Vec<LiftedSuppression> {
        let is_told_by = |known: &Suppression| told_by.is_none_or(|by| known.recorded_by == by.as_str());
        let is_before = |known: &Suppression| known.last_reported_at <= lift.evidence.time;
        let is_meant = |known: &Suppression| {
            known.reason == SuppressionReason::OptedOut && is_told_by(known) && is_before(known)
        };
        self.lift_each(is_meant, lift)
    }

    /// What the person said against the address: it holds for whichever address they have next.
    pub fn of_the_person(&self) -> impl Iterator<Item = &Suppression> {
        self.in_force.iter().filter(|known| {
            matches!(known.reason, SuppressionReason::OptedOut | SuppressionReason::Complaint)
        })
    }

    /// Forgets those that were lifted. Returns whether there were any.
    pub fn forget_lifted(&mut self) -> bool {
        !std::mem::take(&mut self.lifted).is_empty()
    }

    fn check_lift(&self, reasons: &[SuppressionReason], lift: &SuppressionLift) -> Result<(), LiftRefusal> {
        if reasons.contains(&SuppressionReason::OptedOut) {
            return Err(LiftRefusal::OptOut);
        }
        let stands = |reason: &SuppressionReason| self.in_force.iter().find(|known| known.reason == *reason);
        let missing: Vec<_> = reasons.iter().filter(|reason| stands(reason).is_none()).copied().collect();
        if !missing.is_empty() {
            return Err(LiftRefusal::NotInForce(missing));
        }
        let complaint =
            reasons.iter().filter_map(stands).find(|known| known.reason == SuppressionReason::Complaint);
        match complaint.map(|complaint| complaint.last_reported_at) {
            Some(complained_at) if lift.evidence.time <= complained_at => {
                Err(LiftRefusal::OlderThanComplaint { complained_at })
            }
            _ => Ok(()),
        }
    }

    fn lift_each(
        &mut self,
        is_meant: impl Fn(&Suppression) -> bool,
        lift: &SuppressionLift,
    ) -> Vec<LiftedSuppression> {
        let with_lift = |suppression| LiftedSuppression { suppression, lift: lift.clone() };
        let ended: Vec<_> = self.in_force.extract_if(.., |known| is_meant(known)).map(with_lift).collect();
        ended.iter().cloned().for_each(|ended| self.keep_lifted(ended));
        ended
    }

    /// Keeps the last end of a reason.
    fn keep_lifted(&mut self, ended: LiftedSuppression) {
        self.lifted.retain(|old| !old.suppression.is_same_fact(&ended.suppression));
        self.lifted.push(ended);
    }
}

#[cfg(test)]
mod tests {
    use SuppressionReason::{BadAddress, Complaint, Manual, OptedOut};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(reason: SuppressionReason, by: &str, second: i64) -> Suppression {
        Suppression {
            channel: Channel::Sms,
            address: Address::TelegramChat(1),
            reason,
            explanation: format!("told at {second}"),
            created_at: at(second),
            last_reported_at: at(second),
            recorded_by: by.to_owned(),
        }
    }

    fn lift(second: i64) -> SuppressionLift {
        let evidence = ConsentEvidence {
            source: "support".to_owned(),
            method: "telephone".to_owned(),
            wording: "They agreed again.".to_owned(),
            time: at(second),
            origin: String::new(),
            actor: String::new(),
        };
        SuppressionLift { at: at(100), recorded_by: "key".to_owned(), evidence }
    }

    fn all(told: impl IntoIterator<Item = Suppression>) -> AddressSuppressions {
        let mut all = AddressSuppressions::default();
        for suppression in told {
            all.add(suppression);
        }
        all
    }

    fn standing(all: &AddressSuppressions) -> Vec<(SuppressionReason, &str)> {
        all.in_force().iter().map(|known| (known.reason, known.recorded_by.as_str())).collect()
    }

    #[test]
    fn reasons_stand_beside_each_other_in_one_order() {
        let told = [(Manual, "key"), (OptedOut, "b"), (Complaint, "a"), (OptedOut, "a"), (BadAddress, "b")];
        let expected =
            [(BadAddress, "b"), (OptedOut, "a"), (OptedOut, "b"), (Complaint, "a"), (Manual, "key")];
        assert_eq!(standing(&all(told.map(|(reason, by)| self::told(reason, by, 1)))), expected);
        let backwards = told.into_iter().rev().map(|(reason, by)| self::told(reason, by, 1));
        assert_eq!(standing(&all(backwards)), expected);
    }

    #[test]
    fn the_first_report_of_a_reason_stays_and_the_last_is_dated() {
        let mut all = all([told(Complaint, "a", 1)]);
        let first = all.add(told(Complaint, "b", 5));
        assert_eq!(first, Suppression { last_reported_at: at(5), ..told(Complaint, "a", 1) });
        all.add(told(Complaint, "b", 3));
        assert_eq!(all.in_force(), [first], "a clock that was set back takes nothing back");
        all.add(told(Manual, "key", 6));
        assert_eq!(
            all.add(told(Manual, "key", 7)),
            told(Manual, "key", 6),
            "it is asked for, and does not happen"
        );
    }

    #[test]
    fn a_reason_ends_by_itself_and_its_last_end_is_kept() {
        let mut all = all([told(BadAddress, "a", 1), told(Manual, "key", 2)]);
        let lifted = all.lift(&[BadAddress], &lift(0)).unwrap();
        assert_eq!(lifted, [LiftedSuppression { suppression: told(BadAddress, "a", 1), lift: lift(0) }]);
        assert_eq!(standing(&all), [(Manual, "key")]);
        all.add(told(BadAddress, "b", 3));
        assert_eq!((all.lifted(), all.in_force().len()), (lifted.as_slice(), 2));
        let again = all.lift(&[Manual, BadAddress], &lift(4)).unwrap();
        assert_eq!((all.lifted(), all.in_force()), (again.as_slice(), [].as_slice()));
        assert!(all.forget_lifted() && !all.forget_lifted());
    }

    #[test]
    fn what_stands_for_two_spellings_stands_for_the_one_address() {
        let mut first = all([told(Manual, "key", 5), told(OptedOut, "a", 1), told(BadAddress, "a", 1)]);
        first.lift(&[BadAddress], &lift(9)).unwrap();
        let second = all([told(Manual, "eva", 2), told(OptedOut, "b", 1)]);
        let merged = first.merged(second);
        assert_eq!(standing(&merged), [(OptedOut, "a"), (OptedOut, "b"), (Manual, "eva")]);
        assert_eq!((merged.in_force()[2].created_at, merged.lifted().len()), (at(2), 1));
    }

    #[test]
    fn only_the_person_ends_an_opt_out() {
        let (a, c) = ("a".parse().unwrap(), "c".parse().unwrap());
        let told = || all([told(OptedOut, "a", 1), told(OptedOut, "b", 1), told(Manual, "key", 1)]);
        let mut all = told();
        assert_eq!(all.lift(&[Manual, OptedOut], &lift(9)), Err(LiftRefusal::OptOut));
        assert_eq!(all, told(), "nothing half done");
        assert_eq!(all.lift_opt_outs(Some(&c), &lift(9)), []);
        assert_eq!(all.lift_opt_outs(Some(&a), &lift(9)).len(), 1);
        assert_eq!(standing(&all), [(OptedOut, "b"), (Manual, "key")]);
        all.add(self::told(OptedOut, "a", 2));
        assert_eq!(all.lift_opt_outs(None, &lift(9)).len(), 2);
        assert_eq!(standing(&all), [(Manual, "key")]);
        assert_eq!(all.lifted().len(), 2, "the last end of each provider's");
    }

    #[test]
    fn what_does_not_stand_is_named_and_nothing_is_half_done() {
        let mut all = all([told(BadAddress, "a", 1)]);
        let refused = all.lift(&[Manual, BadAddress, Complaint], &lift(9));
        assert_eq!(refused, Err(LiftRefusal::NotInForce(vec![Manual, Complaint])));
        assert_eq!(standing(&all), [(BadAddress, "a")]);
    }

    #[test]
    fn a_complaint_ends_by_a_consent_after_the_last_one() {
        let mut all = all([told(Complaint, "a", 5), told(Complaint, "b", 7), told(Manual, "key", 9)]);
        let refused = Err(LiftRefusal::OlderThanComplaint { complained_at: at(7) });
        for second in [4, 6, 7] {
            assert_eq!(all.lift(&[Manual, Complaint], &lift(second)), refused, "{second}");
        }
        assert_eq!(all.in_force().len(), 2);
        assert!(all.lift(&[Complaint], &lift(8)).is_ok());
    }
}
